//! The first record of a CSV file: which columns it has, in whatever order.

use super::CsvProblem;
use crate::error::shortened;

/// The columns that a kind of file may have.
pub(super) trait CsvColumn: Copy + PartialEq + 'static {
    /// All that are understood.
    const ALL: &'static [Self];

    /// What a file must have: at least one of each group.
    const REQUIRED: &'static [&'static [Self]];

    /// The name in the header.
    fn name(self) -> &'static str;
}

/// What each field of a record is.
#[derive(Debug)]
pub(super) struct Header<C> {
    /// The column of each field; none where the field is ignored.
    pub(super) fields: Vec<Option<C>>,
    /// The names of the columns that are not understood, in the order of the file.
    pub(super) ignored: Vec<String>,
}

impl<C: CsvColumn> Header<C> {
    /// Of a file that has not been read yet.
    pub(super) fn empty() -> Self {
        let (fields, ignored) = (Vec::new(), Vec::new());
        Self { fields, ignored }
    }

    /// Reads the names. Upper and lower case, and white space around a name, make no difference.
    pub(super) fn read(record: &csv::ByteRecord) -> Result<Self, CsvProblem> {
        let mut header = Self::empty();
        for field in record {
            let name = std::str::from_utf8(field)
                .map_err(|_| CsvProblem::HeaderNotUtf8)?
                .trim();
            let column = C::ALL
                .iter()
                .copied()
                .find(|known| known.name().eq_ignore_ascii_case(name));
            match column {
                Some(column) if header.has(column) => {
                    return Err(CsvProblem::RepeatedColumn(column.name().to_owned()));
                }
                Some(_) => {}
                None => header.ignored.push(shortened(name)),
            }
            header.fields.push(column);
        }
        let missing = header.missing();
        if missing.is_empty() {
            Ok(header)
        } else {
            let known = header.columns().map(|column| column.name().to_owned());
            let found = known.chain(header.ignored.iter().cloned()).collect();
            Err(CsvProblem::MissingColumns { missing, found })
        }
    }

    /// Each group of which it has none, such as "username or email".
    fn missing(&self) -> Vec<String> {
        let groups = C::REQUIRED.iter();
        groups
            .filter(|group| !group.iter().any(|column| self.has(*column)))
            .map(|group| {
                let names: Vec<&str> = group.iter().map(|column| column.name()).collect();
                names.join(" or ")
            })
            .collect()
    }

    /// The columns that are understood, in the order of the file.
    pub(super) fn columns(&self) -> impl Iterator<Item = C> + '_ {
        self.fields.iter().copied().flatten()
    }

    /// Whether the file has a column.
    pub(super) fn has(&self, column: C) -> bool {
        self.fields.contains(&Some(column))
    }

    /// The fields of a record whose columns are understood.
    pub(super) fn named<'r>(
        &'r self,
        record: &'r csv::ByteRecord,
    ) -> impl Iterator<Item = (C, &'r [u8])> {
        let fields = self.fields.iter().zip(record);
        fields.filter_map(|(column, field)| Some(((*column)?, field)))
    }
}
