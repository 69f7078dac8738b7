//! The columns of a CSV file of restaurants.

use super::header::CsvColumn;

/// Declares the columns that a kind of file may have.
macro_rules! columns {
    ($(#[$docs:meta])* $columns:ident { $($column:ident = $name:literal,)+ }) => {
        $(#[$docs])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $columns {
            $(#[doc = concat!("The column `", $name, "`.")] $column,)+
        }

        impl $columns {
            /// All columns that are understood.
            pub const ALL: &[Self] = &[$(Self::$column),+];

            /// The column's name in the header.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$column => $name,)+
                }
            }
        }
    };
}

pub(super) use columns;

columns! {
    /// A column that a CSV file of restaurants may have, named as in the table. `source_id` and
    /// `name` it must have.
    Column {
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
}

impl CsvColumn for Column {
    const ALL: &'static [Self] = Self::ALL;
    const REQUIRED: &'static [&'static [Self]] = &[&[Self::SourceId], &[Self::Name]];

    fn name(self) -> &'static str {
        Self::name(self)
    }
}
