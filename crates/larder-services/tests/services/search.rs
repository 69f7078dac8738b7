//! Searching by a term: what is found, in which order, and that no term is an error of the
//! database.

use fastrand::Rng;
use larder_services::ErrorKind;
use larder_services::restaurants::{KosherCategory, NewRestaurant, RestaurantStatus};

use crate::support::{Services, names};

async fn create(services: &Services, name: &str, cuisine: &str) {
    let new = NewRestaurant {
        cuisine: Some(cuisine.to_owned()),
        ..NewRestaurant::named(name)
    };
    services.create(new).await;
}

async fn found(services: &Services, term: &str) -> Vec<String> {
    let found = services.restaurants.search(term).load().await;
    let found = found.unwrap_or_else(|error| panic!("{term:?}: failed to {error}"));
    names(&found).into_iter().map(str::to_owned).collect()
}

#[tokio::test]
async fn parts_of_a_list_make_the_list() {
    let services = Services::start().await;
    for number in 0..7 {
        create(&services, &format!("Pizza {number}"), "Italian").await;
        // These only look like it. One has no cuisine.
        services
            .create(NewRestaurant::named(format!("Sol Pizzeria {number}")))
            .await;
    }
    for (term, all) in [("pizza", 14), ("sol", 7), ("pizzaria", 7)] {
        let whole = services
            .restaurants
            .search(term)
            .limit(1000)
            .load()
            .await
            .unwrap();
        assert!(whole.len() >= all, "{term} {}", whole.len());
        for limit in [1, 3, 5, 7, 20] {
            let mut parts = Vec::new();
            for offset in (0..=whole.len()).step_by(limit) {
                let part = services
                    .restaurants
                    .search(term)
                    .limit(limit)
                    .offset(offset);
                parts.extend_from_slice(&part.load().await.unwrap());
            }
            assert_eq!(names(&parts), names(&whole), "{term} by {limit}");
        }
    }
    let error = services
        .restaurants
        .search("a")
        .offset(-1)
        .load()
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

#[tokio::test]
async fn the_best_comes_first() {
    let services = Services::start().await;
    for (name, cuisine) in [
        ("Corner Slice", "Pizza"),
        ("Blue Pizzamann", "Italian"),
        ("Zum Pizza Place", "Italian"),
        ("Pizza Verde", "Italian"),
        ("Pizza Azul", "Italian"),
        ("PIZZA", "Italian"),
        ("Sol Pizzeria", "Italian"),
        ("Piza Palace", "Italian"),
        ("Noodle House", "Chinese"),
    ] {
        create(&services, name, cuisine).await;
    }
    assert_eq!(
        found(&services, "pizza").await,
        [
            "PIZZA",      // is the term
            "Pizza Azul", // begin with it, by name
            "Pizza Verde",
            "Zum Pizza Place", // the word in the name weighs more than a part of a word
            "Blue Pizzamann",
            "Corner Slice", // the cuisine
            "Sol Pizzeria", // looks like it
        ],
        "and not Piza Palace: that is near enough only where nothing has the term"
    );
    assert_eq!(found(&services, "pizaa").await[0], "Piza Palace");
    let two = services
        .restaurants
        .search("pizza")
        .limit(2)
        .load()
        .await
        .unwrap();
    assert_eq!(names(&two), ["PIZZA", "Pizza Azul"]);
}

#[tokio::test]
async fn words_are_found_across_the_columns() {
    let services = Services::start().await;
    services
        .create(NewRestaurant {
            cuisine: Some("Bakery".to_owned()),
            kosher_category: Some(KosherCategory::Dairy),
            listing_type: Some("caterer".to_owned()),
            ..NewRestaurant::named("Golden Lantern")
        })
        .await;
    for term in [
        "lantern golden",
        "bakery dairy",
        "CATERER lantern",
        "anter",
        "aker",
        "golden lantern",
    ] {
        assert_eq!(found(&services, term).await, ["Golden Lantern"], "{term}");
    }
    assert!(found(&services, "golden anchor bar").await.is_empty());
    assert!(found(&services, "unknown").await.is_empty());
}

#[tokio::test]
async fn what_is_mistyped_is_found_after_all() {
    let services = Services::start().await;
    create(&services, "Golden Sushi Garden", "Japanese").await;
    create(&services, "Cafetería Malecón", "Cuban").await;
    create(&services, "Steakhouse", "Chinese").await;
    for (term, expected) in [
        ("sushy", "Golden Sushi Garden"),
        ("japanes", "Golden Sushi Garden"),
        ("cafeteria", "Cafetería Malecón"),
        ("malecon cafeteria", "Cafetería Malecón"),
        ("steakhuose", "Steakhouse"),
        ("chiense", "Steakhouse"),
    ] {
        assert_eq!(found(&services, term).await, [expected], "{term}");
    }
}

#[tokio::test]
async fn short_terms_begin_words() {
    let services = Services::start().await;
    create(&services, "Bo Bun", "Thai").await;
    create(&services, "Albo", "Italian").await;
    assert_eq!(found(&services, "bo").await, ["Bo Bun"]);
    assert_eq!(found(&services, "t").await, ["Bo Bun"]);
    assert_eq!(found(&services, "bo it").await, Vec::<String>::new());
    assert_eq!(found(&services, "albo").await, ["Albo"]);
}

#[tokio::test]
async fn every_character_means_itself() {
    let services = Services::start().await;
    for name in [
        "100% Beef",
        "1000 Beef",
        "snake_case",
        "snakeXcase",
        r"back\slash",
        "O'Neill's",
        "-Grill-",
    ] {
        create(&services, name, "American").await;
    }
    for (term, expected) in [
        ("100% b", "100% Beef"),
        ("snake_c", "snake_case"),
        (r"back\sl", r"back\slash"),
        ("O'Neill's", "O'Neill's"),
        ("o'neill", "O'Neill's"),
    ] {
        assert_eq!(found(&services, term).await[0], expected, "{term}");
    }
    // Not "everything without".
    assert_eq!(found(&services, "-grill").await, ["-Grill-"]);
    let beef = services
        .restaurants
        .search("100% Beef")
        .limit(1)
        .load()
        .await
        .unwrap();
    assert_eq!(names(&beef), ["100% Beef"]);
}

#[tokio::test]
async fn only_what_is_shown_is_found() {
    let services = Services::start().await;
    for status in RestaurantStatus::ALL {
        let new = NewRestaurant {
            status: *status,
            ..NewRestaurant::named(format!("Bakery {status}"))
        };
        services.create(new).await;
    }
    assert_eq!(found(&services, "bakery").await, ["Bakery active"]);
    assert_eq!(found(&services, "bakkery").await, ["Bakery active"]);
    services
        .run_sql("UPDATE restaurants SET deleted_at = now()")
        .await;
    assert!(found(&services, "bakery").await.is_empty());
    assert!(found(&services, "bakkery").await.is_empty());
}

#[tokio::test]
async fn equals_are_in_order_of_name_and_id() {
    let services = Services::start().await;
    let mut ids = Vec::new();
    for name in ["Deli B", "Deli A", "Deli A"] {
        ids.push(services.create(NewRestaurant::named(name)).await);
    }
    services
        .run_sql(format!(
            "UPDATE restaurants SET city = 'x' WHERE id = {}",
            ids[1]
        ))
        .await;
    for term in ["deli", "delli"] {
        let found = services.restaurants.search(term).load().await.unwrap();
        let found: Vec<_> = found.iter().map(|restaurant| restaurant.id).collect();
        assert_eq!(found, [ids[1], ids[2], ids[0]], "{term}");
    }
}

#[tokio::test]
async fn no_term_is_an_error_of_the_database() {
    let services = Services::start().await;
    create(&services, "Corner Bakery", "Bakery").await;
    for term in [
        "!!!",
        "%",
        "___",
        "\\",
        "'",
        "\"",
        "''''",
        "& | ! ( )",
        ":*",
        "a:*b",
        "bakery & (",
        "\u{202e}",
        "'; DROP TABLE restaurants; --",
        "$1",
        "\u{fffd}",
        "½ ²",
        "寿司",
        "寿",
        "🍕",
        "e\u{301}",
        "a\\",
        "%a%",
    ] {
        found(&services, term).await;
    }
    for refused in ["", " \n", "nul\0", "\0", &"x".repeat(10_000)] {
        let error = services
            .restaurants
            .search(refused)
            .load()
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{refused:?}");
    }
    let error = services
        .restaurants
        .search("x")
        .limit(0)
        .load()
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);

    let mut random = Rng::with_seed(3);
    let special: Vec<char> = "'\"\\%_&|!():*<>-@/.,;$ aZé寿\u{7f}\u{1}\t²"
        .chars()
        .collect();
    for _ in 0..300 {
        let letters = random.usize(1..40);
        let term: String = (0..letters)
            .map(|_| {
                if random.u8(..4) == 0 {
                    random.char(..)
                } else {
                    *random.choice(&special).unwrap()
                }
            })
            .filter(|letter| *letter != '\0')
            .collect();
        if !term.trim().is_empty() {
            found(&services, &term).await;
        }
    }
}
