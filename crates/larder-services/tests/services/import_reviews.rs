//! Importing reviews: from CSV and from inspections, what is rejected and why, and that a second
//! import adds nothing.

use std::path::Path;

use larder_services::import::reviews::{
    InspectionReader, ReviewImport, ReviewImportReport, ReviewReader,
};
use larder_services::import::{Import, RestaurantReader};
use larder_services::restaurants::NewRestaurant;
use larder_services::reviews::ReviewStatus;
use larder_services::{Error, ErrorKind};

use crate::support::Services;

/// Restaurants 1 and 2 with source ids "one" and "two"; users 1 "ann" and 2 "bob".
async fn start() -> Services {
    let services = Services::start().await;
    for source_id in ["one", "two"] {
        let new = NewRestaurant {
            source_id: Some(source_id.to_owned()),
            ..NewRestaurant::named(source_id)
        };
        services.create(new).await;
    }
    services.user("ann").await;
    services.user("bob").await;
    services
}

async fn import(services: &Services, csv: &str) -> ReviewImportReport {
    let reader = ReviewReader::new(std::io::Cursor::new(csv.to_owned()), "test.csv").unwrap();
    let import = ReviewImport::from_csv(reader).batch_size(2);
    let report = services.reviews.import(import).run().await.unwrap();
    assert_balanced(&report);
    report
}

async fn inspect(services: &Services, csv: &str) -> Result<ReviewImportReport, Error> {
    let reader = InspectionReader::new(std::io::Cursor::new(csv.to_owned()), "test.csv").unwrap();
    let import = ReviewImport::from_inspections(reader).batch_size(2);
    let report = services.reviews.import(import).run().await?;
    assert_balanced(&report);
    Ok(report)
}

/// No row is lost.
fn assert_balanced(report: &ReviewImportReport) {
    let accounted = report.imported + report.duplicates + report.rejected_count;
    assert_eq!(report.read, accounted, "{report:?}");
    assert_eq!(report.imported, report.inserted + report.updated);
}

/// Each rejected row as line, field, value and reason.
fn rejected(report: &ReviewImportReport) -> Vec<String> {
    report
        .rejected
        .iter()
        .map(|row| format!("{} {} {:?} {}", row.line, row.field, row.value, row.reason))
        .collect()
}

#[tokio::test]
async fn every_column_arrives() {
    let services = start().await;
    let csv = "created_at,comment,title,rating,email,username,restaurant_id,restaurant_source_id,source_id,status,mood\n\
               2014-03-03T12:30:00Z,\"Soup, hot\",Fine,4,ANN@example.com,ann,1,one,r-1,approved,!\n";
    let report = import(&services, csv).await;
    assert_eq!((report.read, report.inserted), (1, 1), "{report:?}");
    assert_eq!(report.ignored_columns, ["mood"]);
    let review = services
        .reviews
        .by_id(larder_services::ReviewId(1))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        serde_json::to_value(&review).unwrap(),
        serde_json::json!({
            "id": 1, "restaurant_id": 1, "user_id": 1, "rating": 4, "title": "Fine",
            "comment": "Soup, hot", "status": "approved", "created_at": "2014-03-03T12:30:00Z",
            "updated_at": review.updated_at, "source_id": "r-1",
        })
    );
}

#[tokio::test]
async fn a_row_that_cannot_be_a_review_is_told_with_line_field_value_and_reason() {
    let services = start().await;
    let csv = "restaurant_source_id,restaurant_id,username,email,rating,created_at\n\
               one,,ann,,5,\n\
               three,,ann,,5,\n\
               one,2,ann,,5,\n\
               ,7,ann,,5,\n\
               ,x,ann,,5,\n\
               one,,cid,,5,\n\
               one,,,nobody@example.com,5,\n\
               one,,ann,bob@example.com,5,\n\
               one,,ann,,6,\n\
               one,,ann,,,\n\
               ,,ann,,5,\n\
               one,,,,5,\n\
               one,,ann,,5,yesterday\n\
               one,,ann\n";
    let report = import(&services, csv).await;
    assert_eq!((report.read, report.imported), (14, 1));
    let mut rows = rejected(&report);
    rows.sort_by_key(|row| {
        row.split(' ')
            .next()
            .map(|line| line.parse::<u64>().unwrap())
    });
    assert_eq!(
        rows,
        [
            "3 restaurant_source_id \"three\" is not in the database",
            "4 restaurant_source_id \"one\" is another than the one that the row names beside it",
            "5 restaurant_id \"7\" is not in the database",
            "6 restaurant_id \"x\" must be a whole number",
            "7 username \"cid\" is not in the database",
            "8 email \"nobody@example.com\" is not in the database",
            "9 email \"bob@example.com\" is another than the one that the row names beside it",
            "10 rating \"6\" must be a whole number from 1 to 5",
            "11 rating \"\" must not be empty",
            "12 restaurant_source_id \"\" must not be empty",
            "13 username \"\" must not be empty",
            "14 created_at \"yesterday\" must be a day such as 2014-03-03, or a time such as 2014-03-03T12:30:00Z",
            "15 record \"one,,ann\" has 3 fields, the header has 6",
        ]
    );
}

#[tokio::test]
async fn what_a_file_must_have_is_told() {
    let header = b"restaurant,username,title\n";
    let error = ReviewReader::new(&header[..], "test.csv").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Csv);
    let text = error.to_string();
    assert!(
        text.contains("restaurant_source_id or restaurant_id, rating are missing"),
        "{text}"
    );
}

#[tokio::test]
async fn a_second_import_inserts_nothing_and_rewrites_only_what_changed() {
    let services = start().await;
    // By source id, by restaurant, user and time; the third is always new.
    let first = "source_id,restaurant_source_id,username,rating,comment,created_at\n\
                 a,one,ann,5,,2014-03-03\n\
                 ,one,bob,4,,2014-03-04\n\
                 ,one,bob,1,,2014-03-05\n\
                 ,two,bob,3,,\n";
    assert_eq!(import(&services, first).await.inserted, 4);
    services
        .run_sql("UPDATE reviews SET status = 'approved', updated_at = 'epoch'")
        .await;
    // The user of the second row, by address.
    let second = "source_id,restaurant_id,email,rating,comment,created_at\n\
                  a,1,ann@example.com,5,,2014-03-03\n\
                  ,1,Bob@example.com,4,Better,2014-03-04\n\
                  ,1,bob@example.com,1,,2014-03-05\n\
                  ,2,bob@example.com,3,,\n";
    let report = import(&services, second).await;
    assert_eq!((report.inserted, report.updated), (1, 3));
    let rewritten =
        "SELECT count(*) FROM reviews WHERE updated_at > 'epoch' AND comment = 'Better'";
    assert_eq!(services.number(rewritten).await, 1);
    let kept = "SELECT count(*) FROM reviews WHERE updated_at = 'epoch' AND source_id = 'a'";
    assert_eq!(services.number(kept).await, 1);
    // What moderation said stays where the file says nothing of it.
    let approved = "SELECT count(*) FROM reviews WHERE status = 'approved'";
    assert_eq!(services.number(approved).await, 4);

    // A file without comments leaves them; one with a status sets it.
    let third = "source_id,restaurant_id,email,rating,created_at,status\n\
                 ,1,Bob@example.com,2,2014-03-04,rejected\n";
    let report = import(&services, third).await;
    assert_eq!((report.inserted, report.updated), (0, 1));
    let changed = "SELECT count(*) FROM reviews \
                   WHERE comment = 'Better' AND rating = 2 AND status = 'rejected'";
    assert_eq!(services.number(changed).await, 1);
}

#[tokio::test]
async fn the_later_of_two_rows_counts_and_the_earlier_is_told_of() {
    let services = start().await;
    // Batches of two: `d` twice in one batch; `a` too, then in another; `b` and `c` once each
    // with a row that is rejected after or before.
    let csv = "source_id,restaurant_source_id,username,rating\n\
               d,one,ann,1\n\
               d,one,ann,5\n\
               a,one,ann,1\n\
               a,one,ann,2\n\
               b,one,ann,1\n\
               a,one,ann,3\n\
               b,one,nobody,5\n\
               c,one,nobody,5\n\
               c,one,ann,4\n";
    let report = import(&services, csv).await;
    assert_eq!(
        (
            report.read,
            report.imported,
            report.inserted,
            report.duplicates,
            report.rejected_count
        ),
        (9, 4, 4, 3, 2)
    );
    let ratings = "SELECT sum(rating)::bigint FROM reviews";
    assert_eq!(services.number(ratings).await, 5 + 3 + 1 + 4);
}

#[tokio::test]
async fn inspections_become_reviews_of_the_inspector() {
    let services = start().await;
    let csv = "restaurant_source_id,date,grade,score\n\
               one,2014-03-03,A,2\n\
               one,2013-09-11,b,20\n\
               two,2013-01-24,C,-1\n\
               two,2013-01-25,A,\n\
               two,2014-05-05,Not Yet Graded,9\n\
               two,2014-05-06,P,9\n\
               two,2014-05-07,Z,9\n\
               two,2014-05-08,D,9\n\
               two,2014-05-09,A,many\n\
               two,never,A,1\n\
               six,2014-05-10,A,1\n";
    let report = inspect(&services, csv).await.unwrap();
    assert_eq!((report.read, report.inserted), (11, 4));
    let mut rows = rejected(&report);
    rows.sort();
    assert_eq!(
        rows,
        [
            "10 score \"many\" must be a whole number",
            "11 date \"never\" must be a day such as 2014-03-03",
            "12 restaurant_source_id \"six\" is not in the database",
            "6 grade \"Not Yet Graded\" is no grade yet",
            "7 grade \"P\" is no grade: it is pending",
            "8 grade \"Z\" is no grade: it is pending",
            "9 grade \"D\" must be one of A B C",
        ]
    );
    let shown = services
        .reviews
        .of_restaurant(larder_services::RestaurantId(1))
        .load()
        .await
        .unwrap();
    let told: Vec<_> = shown
        .iter()
        .map(|review| {
            let title = review.title.as_deref().unwrap();
            let comment = review.comment.as_deref().unwrap();
            let day = review.created_at.to_rfc3339();
            (
                review.rating.get(),
                title,
                comment,
                day,
                review.reviewer.username.as_str(),
            )
        })
        .collect();
    let day = |day| format!("{day}T00:00:00+00:00");
    assert_eq!(
        told,
        [
            (
                5,
                "Grade A",
                "Inspection score: 2",
                day("2014-03-03"),
                "inspector"
            ),
            (
                4,
                "Grade B",
                "Inspection score: 20",
                day("2013-09-11"),
                "inspector"
            ),
        ]
    );

    // Nobody can log in as the inspector, and there is one only.
    let report = inspect(&services, csv).await.unwrap();
    assert_eq!((report.inserted, report.updated), (0, 4));
    let inspector = services
        .users
        .by_email("inspector@larder.invalid")
        .await
        .unwrap();
    assert!(inspector.is_none());
    assert_eq!(services.number("SELECT count(*) FROM users").await, 3);
}

#[tokio::test]
async fn a_person_named_inspector_is_not_taken_for_the_inspector() {
    let services = start().await;
    let person = services.user("inspector").await;
    let csv = "restaurant_source_id,date,grade\none,2014-03-03,A\n";
    let error = inspect(&services, csv).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    assert_eq!(services.number("SELECT count(*) FROM reviews").await, 0);

    let reader = InspectionReader::new(csv.as_bytes(), "test.csv")
        .unwrap()
        .by(person.id);
    let import = ReviewImport::from_inspections(reader);
    services.reviews.import(import).run().await.unwrap();
    let by_person = format!("SELECT count(*) FROM reviews WHERE user_id = {}", person.id);
    assert_eq!(services.number(&by_person).await, 1);
    assert_eq!(services.number("SELECT count(*) FROM users").await, 3);
}

#[tokio::test]
async fn a_default_status_is_for_new_reviews_and_progress_is_told() {
    let services = start().await;
    let csv = "source_id,restaurant_id,username,rating,status\n\
               a,1,ann,5,\nb,1,ann,4,pending\nc,1,ann,3,\n";
    let reader = ReviewReader::new(csv.as_bytes(), "test.csv").unwrap();
    let import = ReviewImport::from_csv(reader.status(ReviewStatus::Approved)).batch_size(2);
    let mut seen = Vec::new();
    let job = services.reviews.import(import);
    job.on_progress(|progress| seen.push((progress.rows, progress.bytes_read)))
        .run()
        .await
        .unwrap();
    let third = csv.find("c,1").unwrap() as u64;
    assert_eq!(seen, [(2, third), (3, csv.len() as u64)]);
    let approved = "SELECT count(*) FROM reviews WHERE status = 'approved'";
    assert_eq!(services.number(approved).await, 2);
}

#[tokio::test]
async fn a_batch_that_fails_leaves_nothing_and_names_its_lines() {
    let services = start().await;
    services
        .run_sql("ALTER TABLE reviews ADD CHECK (rating <> 3)")
        .await;
    let csv =
        "source_id,restaurant_id,username,rating\na,1,ann,5\nb,1,ann,5\nc,1,ann,4\nd,1,ann,3\n";
    let reader = ReviewReader::new(csv.as_bytes(), "test.csv").unwrap();
    let import = ReviewImport::from_csv(reader).batch_size(2);
    let error = services.reviews.import(import).run().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Database);
    assert!(
        error
            .to_string()
            .starts_with("write the reviews of lines 4 to 5: "),
        "{error}"
    );
    assert_eq!(services.number("SELECT count(*) FROM reviews").await, 2);
}

#[tokio::test]
async fn the_real_files_twice_make_no_duplicates() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    if !data.exists() {
        return;
    }
    let services = Services::start().await;
    let restaurants = RestaurantReader::open(data.join("restaurants.csv")).unwrap();
    services
        .restaurants
        .import(Import::from_csv(restaurants))
        .run()
        .await
        .unwrap();
    for inserted in [24_335, 0] {
        let reader = InspectionReader::open(data.join("inspections.csv")).unwrap();
        let import = ReviewImport::from_inspections(reader);
        let report = services.reviews.import(import).run().await.unwrap();
        assert_balanced(&report);
        assert_eq!(
            (
                report.read,
                report.inserted,
                report.imported,
                report.duplicates
            ),
            (24_839, inserted, 24_335, 0)
        );
        assert!(report.rejected.iter().all(|row| row.field == "grade"));
    }
    let grades = "SELECT sum(rating)::bigint FROM reviews WHERE status = 'approved'";
    assert_eq!(
        services.number(grades).await,
        20_267 * 5 + 3_240 * 4 + 828 * 3
    );
}
