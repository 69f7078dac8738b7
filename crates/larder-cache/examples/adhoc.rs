#![allow(warnings)]
use larder_cache::*;
use std::sync::Arc;
use std::time::{Duration, Instant};
#[tokio::main]
async fn main() {
    for clock in [Clock::system(), Clock::manual().0] {
        let cache = Cache::new(CacheOptions {
            max_entries: 100_000,
            max_bytes: 1 << 30,
            cleanup_interval: Duration::from_secs(60),
            clock,
        });
        let mut keys = vec![];
        let deps = [
            Dependency::table(1),
            Dependency::tag("a"),
            Dependency::service("b"),
        ];
        let slots = cache.versions().slots(&deps);
        for n in 0..10_000u64 {
            let mut k = KeyBuilder::new();
            k.u64(n);
            let key = k.finish();
            keys.push(key);
            cache
                .get_or_load(
                    Request {
                        key,
                        freshness: Freshness::for_ttl(Duration::from_secs(600)),
                        dependencies: slots.clone(),
                        mode: Mode::Normal,
                        name: EntryName::from("x"),
                    },
                    move || async move {
                        let v: Arc<[u64]> = vec![n; 20].into();
                        Ok::<_, ()>(Loaded {
                            value: v,
                            dependencies: vec![],
                            bytes: 160,
                            storable: true,
                        })
                    },
                )
                .await
                .unwrap();
        }
        for round in 0..3 {
            let t = Instant::now();
            let mut s = 0;
            for _ in 0..5_000_000u32 {
                s += cache.get::<Arc<[u64]>>(keys[7]).unwrap()[0];
            }
            let one = t.elapsed().as_nanos() as f64 / 5e6;
            let t = Instant::now();
            for i in 0..5_000_000usize {
                s += cache.get::<Arc<[u64]>>(keys[i * 7919 % 10_000]).unwrap()[0];
            }
            let many = t.elapsed().as_nanos() as f64 / 5e6;
            println!("get one key {one:.1} ns, 10,000 keys {many:.1} ns ({s})");
        }
        let t = Instant::now();
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    let mut s = 0;
                    for _ in 0..5_000_000u32 {
                        s += cache.get::<Arc<[u64]>>(keys[7]).unwrap()[0];
                    }
                    std::hint::black_box(s);
                });
            }
        });
        println!(
            "two threads one key: {:.1} ns each",
            t.elapsed().as_nanos() as f64 / 5e6
        );
        let t = Instant::now();
        std::thread::scope(|scope| {
            for n in 0..2usize {
                let (cache, keys) = (&cache, &keys);
                scope.spawn(move || {
                    let mut s = 0;
                    for i in 0..5_000_000usize {
                        s += cache
                            .get::<Arc<[u64]>>(keys[(i * 7919 + n * 5000) % 10_000])
                            .unwrap()[0];
                    }
                    std::hint::black_box(s);
                });
            }
        });
        println!(
            "two threads many keys: {:.1} ns each",
            t.elapsed().as_nanos() as f64 / 5e6
        );
        let t = Instant::now();
        for _ in 0..1_000_000 {
            cache.invalidate(&deps[..1], Cause::Write);
        }
        println!("invalidate: {:.1} ns", t.elapsed().as_nanos() as f64 / 1e6);
        let t = Instant::now();
        let n = 100_000;
        for i in 0..n {
            let key = keys[i % 10_000];
            cache
                .get_or_load(
                    Request {
                        key,
                        freshness: Freshness::for_ttl(Duration::from_secs(600)),
                        dependencies: slots.clone(),
                        mode: Mode::Refresh,
                        name: EntryName::from("x"),
                    },
                    move || async move {
                        let v: Arc<[u64]> = vec![1; 20].into();
                        Ok::<_, ()>(Loaded {
                            value: v,
                            dependencies: vec![],
                            bytes: 160,
                            storable: true,
                        })
                    },
                )
                .await
                .unwrap();
        }
        println!(
            "miss through a flight: {:.1} ns",
            t.elapsed().as_nanos() as f64 / n as f64
        );
    }
    let ctx = KeyContext {
        database: "d".into(),
        namespace: "n".into(),
        settings: vec![],
        scope: vec![],
    }
    .seed();
    let t = Instant::now();
    let mut x = 0u128;
    for i in 0..5_000_000u64 {
        let mut k = KeyBuilder::with_seed(ctx);
        k.u64(i)
            .u32(25)
            .bytes(b"Miami")
            .u32(23)
            .optional_bytes(Some(&[0, 0, 0, 1]))
            .u32(1)
            .u32(2);
        x ^= k.finish().as_u128();
    }
    println!("key: {:.1} ns {x}", t.elapsed().as_nanos() as f64 / 5e6);
    let c = Clock::system();
    let i0 = Instant::now();
    let t = Instant::now();
    let mut z = 0;
    for _ in 0..5_000_000 {
        z += i0.elapsed().subsec_nanos() as u64;
    }
    println!("instant {:.1} {z}", t.elapsed().as_nanos() as f64 / 5e6);
}
