//! What is wrong with a declaration, told all at once.

/// Faults, in one error.
#[derive(Default)]
pub(crate) struct Faults(Option<syn::Error>);

impl Faults {
    pub(crate) fn add(&mut self, fault: syn::Error) {
        match &mut self.0 {
            Some(faults) => faults.combine(fault),
            None => self.0 = Some(fault),
        }
    }

    pub(crate) fn keep<T>(&mut self, part: syn::Result<T>) -> Option<T> {
        part.map_err(|fault| self.add(fault)).ok()
    }

    pub(crate) fn are_there(&self) -> bool {
        self.0.is_some()
    }

    pub(crate) fn into_error(self) -> Option<syn::Error> {
        self.0
    }
}
