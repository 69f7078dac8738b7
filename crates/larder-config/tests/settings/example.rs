//! The commented example of the repository: valid in every profile, and changing nothing.

use std::path::Path;

use larder_config::{Profile, definitions};

use crate::with;

#[test]
fn the_example_loads_in_every_profile_and_changes_nothing() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../larder.toml");
    for profile in Profile::ALL {
        let url = ("DATABASE_URL", "postgres://app@db.example.com/shop");
        let example = with(&[url]).profile(profile).file(&path).load().unwrap();
        let built_in = with(&[url]).profile(profile).load().unwrap();
        for (setting, expected) in example.settings().zip(built_in.settings()) {
            assert_eq!(
                setting.value, expected.value,
                "{} in {profile}",
                setting.key
            );
        }
        assert!(example.notices().is_empty());
    }
}

#[test]
fn the_example_shows_every_setting_and_every_line_in_it_is_valid() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../larder.toml");
    let text = std::fs::read_to_string(path).unwrap();
    let mut uncommented = String::new();
    for line in text.lines() {
        // Settings are commented out as `#key = value`; sentences as `# A sentence.`
        let is_setting = line.starts_with('#') && !line.starts_with("# ") && line.contains(" = ");
        let line = if is_setting { &line[1..] } else { line };
        uncommented += line;
        uncommented.push('\n');
    }
    let file = crate::File::new(&uncommented);
    for profile in Profile::ALL {
        file.load(&[("LARDER_PROFILE", profile.name())]).unwrap();
    }
    let default: &str = uncommented.split("\n[dev").next().unwrap();
    for row in definitions() {
        let (_, key) = row.key.split_once('.').unwrap();
        assert!(
            default.contains(&format!("\n{key} = ")),
            "{} is not shown",
            row.key
        );
    }
}
