//! Programs that tests start by themselves, beside the servers that xtask starts for them. A new
//! one is a constant and a line in [`ALL`].

use crate::install::PackageManager;
use crate::programs;

/// The programs that tests use.
pub(crate) const ALL: [&Tool; 2] = [&PROMETHEUS, &CHROMIUM];

/// Prometheus reads the metrics of a running instance and checks the rules in `ops/`.
const PROMETHEUS: Tool = Tool {
    title: "Prometheus",
    requirement: "Prometheus: the programs prometheus and promtool",
    programs: &[&["prometheus"], &["promtool"]],
    packages: |manager| match manager {
        PackageManager::Apt | PackageManager::Apk | PackageManager::Brew => &["prometheus"],
        PackageManager::Dnf => &["golang-github-prometheus"],
    },
};

/// Chromium looks at the dashboard, driven by ChromeDriver.
const CHROMIUM: Tool = Tool {
    title: "Chromium",
    requirement: "Chromium and ChromeDriver: the programs chromium (or google-chrome) and chromedriver",
    programs: &[
        &["chromium", "chromium-browser", "google-chrome"],
        &["chromedriver"],
    ],
    packages: |manager| match manager {
        PackageManager::Apt => &["chromium", "chromium-driver"],
        PackageManager::Apk => &["chromium", "chromium-chromedriver"],
        PackageManager::Dnf => &["chromium", "chromedriver"],
        PackageManager::Brew => &["chromium", "chromedriver"],
    },
};

/// A program that xtask can find and install.
#[derive(Debug)]
pub(crate) struct Tool {
    /// Its name for people.
    pub(crate) title: &'static str,
    /// What has to be installed, in words.
    pub(crate) requirement: &'static str,
    /// Its programs, all of which have to be there, each with the names that it goes by.
    programs: &'static [&'static [&'static str]],
    /// The packages that contain it.
    pub(crate) packages: fn(PackageManager) -> &'static [&'static str],
}

impl Tool {
    /// Whether its programs are on this machine.
    pub(crate) fn is_there(&self) -> bool {
        let is_there = |name: &&str| programs::in_path(name).is_some();
        self.programs.iter().all(|names| names.iter().any(is_there))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_is_there_when_all_its_programs_are() {
        let tool = |programs| Tool {
            programs,
            ..PROMETHEUS
        };
        assert!(tool(&[&["sh"], &["cat"]]).is_there());
        assert!(!tool(&[&["sh"], &["no-such-program"]]).is_there());
        assert!(tool(&[&["no-such-program", "sh"]]).is_there());
    }
}
