//! The columns of a CSV file of restaurants, in whatever order its header has them.

use super::CsvProblem;
use crate::error::shortened;

macro_rules! columns {
    ($($(#[$docs:meta])* $column:ident = $name:literal,)+) => {
        /// A column that a CSV file of restaurants may have. `source_id` and `name` it must have.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Column {
            $(#[doc = concat!("The column `", $name, "`.")] $column,)+
        }

        impl Column {
            /// All columns that are understood.
            pub const ALL: &[Self] = &[$(Self::$column),+];

            /// The column's name, in the header and in the table.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$column => $name,)+
                }
            }
        }
    };
}

columns! {
    SourceId = "source_id",
    Name = "name",
    Address = "address",
    City = "city",
    State = "state",
    ZipCode = "zip_code",
    Latitude = "latitude",
    Longitude = "longitude",
    Phone = "phone",
    Website = "website",
    Email = "email",
    Cuisine = "cuisine",
    KosherCategory = "kosher_category",
    KosherSupervision = "kosher_supervision",
    CertifyingAgency = "certifying_agency",
    ListingType = "listing_type",
    PriceRange = "price_range",
    Description = "description",
    Hours = "hours",
    Status = "status",
}

/// The columns without which a file cannot be imported.
const REQUIRED: [Column; 2] = [Column::SourceId, Column::Name];

/// What each field of a record is.
#[derive(Debug)]
pub(super) struct Header {
    /// The column of each field; none where the field is ignored.
    pub(super) fields: Vec<Option<Column>>,
    /// The names of the columns that are not understood, in the order of the file.
    pub(super) ignored: Vec<String>,
}

impl Header {
    /// Reads the names. Upper and lower case, and white space around a name, make no difference.
    pub(super) fn read(record: &csv::ByteRecord) -> Result<Self, CsvProblem> {
        let mut header = Self {
            fields: Vec::new(),
            ignored: Vec::new(),
        };
        for field in record {
            let name = std::str::from_utf8(field)
                .map_err(|_| CsvProblem::HeaderNotUtf8)?
                .trim();
            let column = Column::ALL
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
        let missing: Vec<String> = REQUIRED
            .into_iter()
            .filter(|column| !header.has(*column))
            .map(|column| column.name().to_owned())
            .collect();
        if missing.is_empty() {
            Ok(header)
        } else {
            let known = header
                .fields
                .iter()
                .flatten()
                .map(|column| column.name().to_owned());
            let found = known.chain(header.ignored).collect();
            Err(CsvProblem::MissingColumns { missing, found })
        }
    }

    /// Whether the file has a column.
    pub(super) fn has(&self, column: Column) -> bool {
        self.fields.contains(&Some(column))
    }
}
