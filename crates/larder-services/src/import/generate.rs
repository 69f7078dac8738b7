//! Made-up restaurants, for a demonstration without a file and for tests.

use fastrand::Rng;

use crate::restaurants::{KosherCategory, NewRestaurant, RestaurantStatus};

/// Makes restaurants up, spread over Miami. The same seed makes the same ones.
///
/// Source ids are `generated-000001` and so on, telephone numbers are of the range that is kept
/// for fiction, web and mail addresses are under `example.com`. About one in fifty has no
/// coordinates, and about one in twenty is not active.
///
/// ```
/// use larder_services::import::{Import, RestaurantGenerator};
///
/// let mut import = Import::from_restaurants(RestaurantGenerator::new(100, 7));
/// let batch = import.next_batch()?.expect("there are a hundred");
/// assert_eq!(batch.len(), 100);
/// # Ok::<(), larder_services::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct RestaurantGenerator {
    random: Rng,
    made: u64,
    count: u64,
}

/// The middle of the made-up city, and how far it reaches, in degrees.
const MIDDLE: (f64, f64) = (25.79, -80.24);
const REACH: (f64, f64) = (0.16, 0.13);

const QUALITIES: [&str; 16] = [
    "Golden", "Blue", "Old", "Little", "Green", "Silver", "Sunny", "Royal", "Lucky", "Red",
    "Grand", "Salty", "Velvet", "Wild", "Coral", "Quiet",
];
const THINGS: [&str; 20] = [
    "Palm", "Harbor", "Lantern", "Spoon", "Garden", "Anchor", "Mango", "Pepper", "Kettle", "Heron",
    "Olive", "Lemon", "Terrace", "Corner", "Dolphin", "Orchard", "Lagoon", "Hearth", "Basil",
    "Compass",
];
/// A cuisine and what a house that serves it calls itself.
const CUISINES: [(&str, [&str; 3]); 16] = [
    ("American", ["Grill", "Diner", "Tavern"]),
    ("Cuban", ["Cafe", "Cafetería", "Cantina"]),
    ("Italian", ["Trattoria", "Osteria", "Ristorante"]),
    ("Pizza", ["Pizzeria", "Pizza", "Slice"]),
    ("Chinese", ["Noodle House", "Dumplings", "Wok"]),
    ("Japanese", ["Sushi", "Ramen", "Izakaya"]),
    ("Mexican", ["Taqueria", "Cocina", "Tacos"]),
    ("Seafood", ["Fish House", "Oyster Bar", "Catch"]),
    ("Bakery", ["Bakery", "Patisserie", "Bread"]),
    ("Café", ["Coffee", "Espresso", "Café"]),
    ("Mediterranean", ["Mezze", "Taverna", "Kitchen"]),
    ("Peruvian", ["Cevichería", "Pollería", "Cebiche"]),
    ("Thai", ["Thai", "Curry", "Thai Kitchen"]),
    ("Delicatessen", ["Deli", "Delicatessen", "Sandwiches"]),
    ("Vegetarian", ["Greens", "Salads", "Juice Bar"]),
    ("Steakhouse", ["Steakhouse", "Chophouse", "Asado"]),
];
/// A part of the town and its postal code.
const PLACES: [(&str, &str); 10] = [
    ("Miami", "33130"),
    ("Miami", "33127"),
    ("Miami", "33137"),
    ("Miami", "33145"),
    ("Miami Beach", "33139"),
    ("Miami Beach", "33141"),
    ("Coral Gables", "33134"),
    ("Hialeah", "33010"),
    ("North Miami", "33161"),
    ("Surfside", "33154"),
];
const PRICES: [&str; 4] = ["$", "$$", "$$$", "$$$$"];
const LISTINGS: [&str; 3] = ["restaurant", "caterer", "bakery"];

impl RestaurantGenerator {
    /// Makes `count` restaurants up, by a seed.
    #[must_use]
    pub fn new(count: u64, seed: u64) -> Self {
        Self {
            random: Rng::with_seed(seed),
            made: 0,
            count,
        }
    }

    fn restaurant(&mut self) -> NewRestaurant {
        let number = self.made;
        let random = &mut self.random;
        let (cuisine, houses) = pick(random, &CUISINES);
        let (quality, thing) = (pick(random, &QUALITIES), pick(random, &THINGS));
        let (city, zip_code) = pick(random, &PLACES);
        let (latitude, longitude) = coordinates(random);
        let (kosher_category, kosher_supervision) = kosher(random, cuisine);
        NewRestaurant {
            source_id: Some(format!("generated-{number:06}")),
            name: format!("{quality} {thing} {}", pick(random, &houses)),
            address: Some(address(random)),
            city: Some(city.to_owned()),
            state: Some("FL".to_owned()),
            zip_code: Some(zip_code.to_owned()),
            latitude,
            longitude,
            phone: Some(format!("+1-305-555-01{:02}", random.u8(..100))),
            website: Some(format!("https://restaurant-{number}.example.com/")),
            email: Some(format!("restaurant-{number}@example.com")),
            cuisine: Some(cuisine.to_owned()),
            kosher_category,
            kosher_supervision,
            certifying_agency: None,
            listing_type: Some(pick(random, &LISTINGS).to_owned()),
            price_range: Some(pick(random, &PRICES).to_owned()),
            description: None,
            hours: Some(format!(
                "daily {}:00-{}:00",
                random.u8(7..12),
                random.u8(20..24)
            )),
            status: status(random),
        }
    }
}

impl Iterator for RestaurantGenerator {
    type Item = NewRestaurant;

    fn next(&mut self) -> Option<NewRestaurant> {
        if self.made == self.count {
            return None;
        }
        self.made += 1;
        Some(self.restaurant())
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = usize::try_from(self.count - self.made);
        (left.unwrap_or(usize::MAX), left.ok())
    }
}

fn pick<T: Copy>(random: &mut Rng, from: &[T]) -> T {
    from[random.usize(..from.len())]
}

/// Denser towards the middle, as in a city: the mean of two even draws.
fn coordinates(random: &mut Rng) -> (Option<f64>, Option<f64>) {
    if random.u8(..50) == 0 {
        return (None, None);
    }
    let mut around = |middle: f64, reach: f64| {
        let offset = (random.f64() + random.f64() - 1.0) * reach;
        // Six decimals are a tenth of a meter.
        Some(((middle + offset) * 1e6).round() / 1e6)
    };
    (around(MIDDLE.0, REACH.0), around(MIDDLE.1, REACH.1))
}

fn address(random: &mut Rng) -> String {
    let quarter = pick(random, &["NW", "NE", "SW", "SE"]);
    let way = pick(random, &["Street", "Avenue", "Court", "Terrace"]);
    let number = random.u16(1..180);
    let ending = match (number % 10, number % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!(
        "{} {quarter} {number}{ending} {way}",
        random.u16(100..9_900)
    )
}

/// One in five is kosher; what it serves follows from its cuisine.
fn kosher(random: &mut Rng, cuisine: &str) -> (Option<KosherCategory>, Option<String>) {
    if random.u8(..5) != 0 {
        return (None, None);
    }
    let category = match cuisine {
        "Pizza" | "Bakery" | "Café" | "Italian" => KosherCategory::Dairy,
        "Seafood" | "Japanese" => KosherCategory::Fish,
        "Vegetarian" => KosherCategory::Pareve,
        "Steakhouse" | "Delicatessen" | "American" => KosherCategory::Meat,
        _ => KosherCategory::Unknown,
    };
    (Some(category), Some("supervised".to_owned()))
}

fn status(random: &mut Rng) -> RestaurantStatus {
    match random.u8(..60) {
        0 => RestaurantStatus::Inactive,
        1 => RestaurantStatus::Pending,
        2 => RestaurantStatus::Closed,
        _ => RestaurantStatus::Active,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::Import;

    #[test]
    fn the_same_seed_makes_the_same() {
        let made = |seed| RestaurantGenerator::new(200, seed).collect::<Vec<_>>();
        assert_eq!(made(1), made(1));
        assert_ne!(made(1), made(2));
    }

    #[test]
    fn all_keep_the_rules_and_lie_in_the_city() {
        let generator = RestaurantGenerator::new(5_000, 42);
        assert_eq!(generator.size_hint(), (5_000, Some(5_000)));
        let mut import = Import::from_restaurants(generator);
        while let Some(batch) = import.next_batch().unwrap() {
            import.written(&batch, batch.len() as u64);
        }
        let report = import.finish();
        assert_eq!(
            (report.read, report.imported, report.inserted),
            (5_000, 5_000, 5_000)
        );
        assert_eq!((report.rejected_count, report.duplicates), (0, 0));
        assert_eq!(report.implausible_coordinates, 0);
        assert!(
            (50..200).contains(&report.without_coordinates),
            "{report:?}"
        );
    }
}
