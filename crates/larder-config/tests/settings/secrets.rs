//! No secret leaks: not in a configuration, not in an error, whatever key it was put under.

use larder_config::{Config, ConfigLoader, Error, Profile, definitions};

use crate::{File, with};

const SECRET: &str = "hunter2";

fn everything_of(config: &Config) -> String {
    let mut text = format!(
        "{config:?} {config:#?} {} ",
        serde_json::to_string_pretty(config).unwrap()
    );
    for setting in config.settings() {
        text += &format!("{setting:?} {} {} ", setting.value, setting.source);
    }
    for notice in config.notices() {
        text += &format!("{notice:?} {notice} ");
    }
    if let Some(url) = &config.database.url {
        text += &format!("{url} {url:?} {} ", serde_json::to_string(url).unwrap());
    }
    if let Some(url) = &config.redis.url {
        text += &format!("{url} {url:?} {} ", serde_json::to_string(url).unwrap());
    }
    text
}

fn everything_of_error(error: &Error) -> String {
    let mut text = format!("{error} {error:?} {error:#?} ");
    for fault in error.faults() {
        text += &format!(
            "{fault} {fault:?} {} ",
            serde_json::to_string(fault).unwrap()
        );
    }
    text
}

#[test]
fn a_loaded_configuration_shows_no_password_anywhere() {
    let urls = [
        format!("postgres://app:{SECRET}@db/shop?sslmode=require"),
        format!("postgresql+asyncpg://db/shop?sslmode=require&password={SECRET}"),
        format!("postgres://app:{SECRET}@db1,db2/shop?sslmode=require&sslpassword={SECRET}"),
    ];
    for url in &urls {
        for profile in Profile::ALL {
            let config = with(&[
                ("DATABASE_URL", url),
                ("REDIS_PASSWORD", SECRET),
                ("DB_POOL_SIZE", "1"),
            ])
            .profile(profile)
            .load()
            .unwrap();
            assert!(
                config
                    .database
                    .url
                    .as_ref()
                    .unwrap()
                    .expose()
                    .contains(SECRET)
            );
            assert!(config.redis.url.as_ref().unwrap().expose().contains(SECRET));
            let text = everything_of(&config);
            assert!(text.contains("***"), "{text}");
            assert!(!text.contains(SECRET), "{text}");
        }
    }
}

#[test]
fn a_url_under_any_key_in_any_layer_is_never_repeated() {
    let url = format!("postgres://app:{SECRET}@db/shop");
    let with_slash = format!("postgres://app:12/{SECRET}@db/shop");
    for text in [format!("{SECRET}://x"), url, with_slash] {
        for row in definitions() {
            let variable = row.variable();
            let file = format!(
                "[default.{}]\n{} = {text:?}\n",
                row.key.split_once('.').unwrap().0,
                row.key.split_once('.').unwrap().1
            );
            let mut attempts = vec![
                with(&[(&variable, &text)]).load(),
                with(&[]).set(row.key, text.as_str()).load(),
                with(&[]).set(row.key, vec![text.as_str()]).load(),
                File::new(&file).load(&[]),
            ];
            attempts.extend(
                row.variables
                    .iter()
                    .map(|variable| with(&[(variable.name, &text)]).load()),
            );
            for attempt in attempts {
                let everything = match &attempt {
                    Ok(config) => everything_of(config),
                    Err(error) => everything_of_error(error),
                };
                assert!(!everything.contains(SECRET), "{}: {everything}", row.key);
            }
        }
    }
}

#[test]
fn a_secret_that_is_no_url_is_not_repeated_under_its_own_key() {
    for (name, key) in [("DATABASE_URL", "database.url"), ("REDIS_URL", "redis.url")] {
        for text in [SECRET, "app:hunter2@db", "host=db password=hunter2"] {
            let error = with(&[(name, text)]).load().unwrap_err();
            let everything = everything_of_error(&error);
            assert!(everything.contains(key), "{everything}");
            assert!(!everything.contains(SECRET), "{everything}");
        }
    }
}

#[test]
fn keys_are_read_and_never_repeated() {
    const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    const OTHER: &str = "//////////////////////////////////////////8";
    let variable = "LARDER_REDIS__ENCRYPTION_KEYS";
    let from_variable = with(&[(variable, &format!("{KEY}, {OTHER}"))]).load();
    let file = format!("[default.redis]\nencryption_keys = [{KEY:?}, {OTHER:?}]\n");
    for config in [from_variable, File::new(&file).load(&[])] {
        let config = config.unwrap();
        let keys = &config.redis.encryption_keys;
        assert_eq!((keys[0].expose()[31], keys[1].expose()[0]), (31, 255));
        let text = everything_of(&config);
        assert!(text.contains("***, ***"), "{text}");
        assert!(
            !text.contains("AAECAw") && !text.contains("/////"),
            "{text}"
        );
    }
    for bad in [SECRET, "aHVudGVyMg==", &format!("{KEY},{SECRET}")] {
        let error = with(&[(variable, bad)]).load().unwrap_err();
        let everything = everything_of_error(&error);
        assert!(everything.contains("redis.encryption_keys"), "{everything}");
        assert!(everything.contains("base64 of 32 bytes"), "{everything}");
        for part in [SECRET, "aHVudGVyMg", "AAECAw"] {
            assert!(!everything.contains(part), "{everything}");
        }
    }
}

#[test]
fn a_file_that_is_not_toml_is_not_repeated() {
    for line in [
        format!("url = postgres://app:{SECRET}@db/shop"),
        format!("url = \"postgres://app:{SECRET}@db/shop"),
        format!("url = '{SECRET}' '{SECRET}'"),
        SECRET.to_owned(),
        format!("url = {SECRET}"),
        format!("url = \"\\{SECRET}\""),
        format!("{SECRET} = 1\n{SECRET} = 2"),
        format!("url = 5{SECRET}"),
        format!("[{SECRET}"),
    ] {
        let error = File::new(&format!("[default.database]\n{line}\n"))
            .load(&[])
            .unwrap_err();
        let everything = everything_of_error(&error);
        assert!(everything.contains("line "), "{everything}");
        assert!(!everything.contains(SECRET), "{line}: {everything}");
    }
}

#[test]
fn the_loader_shows_no_value() {
    let url = format!("postgres://app:{SECRET}@db/shop");
    let loader = ConfigLoader::new()
        .environment([("DATABASE_URL", url.as_str())])
        .set("database.url", url.as_str());
    let text = format!("{loader:?}");
    assert!(
        text.contains("database.url") && !text.contains(SECRET),
        "{text}"
    );
}
