//! The columns of a CSV file of reviews, and of one of inspections.

use crate::import::columns::columns;
use crate::import::header::CsvColumn;

columns! {
    /// A column that a CSV file of reviews may have. It must have `rating`, one of
    /// `restaurant_source_id` and `restaurant_id`, and one of `username` and `email`.
    ReviewColumn {
        SourceId = "source_id",
        RestaurantSourceId = "restaurant_source_id",
        RestaurantId = "restaurant_id",
        Username = "username",
        Email = "email",
        Rating = "rating",
        Title = "title",
        Comment = "comment",
        Status = "status",
        CreatedAt = "created_at",
    }
}

columns! {
    /// A column that a CSV file of inspections may have. It must have all but `score`.
    InspectionColumn {
        RestaurantSourceId = "restaurant_source_id",
        Date = "date",
        Grade = "grade",
        Score = "score",
    }
}

impl CsvColumn for ReviewColumn {
    const ALL: &'static [Self] = Self::ALL;
    const REQUIRED: &'static [&'static [Self]] = &[
        &[Self::RestaurantSourceId, Self::RestaurantId],
        &[Self::Username, Self::Email],
        &[Self::Rating],
    ];

    fn name(self) -> &'static str {
        Self::name(self)
    }
}

impl CsvColumn for InspectionColumn {
    const ALL: &'static [Self] = Self::ALL;
    const REQUIRED: &'static [&'static [Self]] =
        &[&[Self::RestaurantSourceId], &[Self::Date], &[Self::Grade]];

    fn name(self) -> &'static str {
        Self::name(self)
    }
}
