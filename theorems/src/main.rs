fn main() {
    use sharpflow_theorems::*;
    let t = std::time::Instant::now();
    let study = runner::Study { claims: registry::REGISTRY.to_vec(), seed: 0, random_instances: 4, data: None };
    let e = runner::run(&study, &records::Progress::default(), &|e| if let runner::Event::Now(n) = e { eprintln!("{:.1} {n}", t.elapsed().as_secs_f64()) }).unwrap();
    for c in &e.claims {
        println!("== {} {} {}", c.id, c.verdict, c.reason);
        for i in &c.instances {
            println!("  {} {} {}", i.instance, i.verdict, i.reason);
            for h in &i.hypotheses { println!("     H {} {:.3e} <= {} {} {}", h.holds, h.hypothesis.measured, h.hypothesis.bound, h.hypothesis.what, h.hypothesis.place); }
            for s in &i.statements { println!("     S {:?} {}: {}", s.outcome, s.what, s.shows); }
            for s in &i.twins { println!("     T {:?} {}: {}", s.outcome, s.what, s.shows); }
            for s in &i.estimates { println!("     E {}: {:?} {:.5} ± {:.5}", s.what, s.theory, s.estimate.value, s.estimate.half_width); }
        }
        for n in &c.not_judged { println!("   not judged {n}"); }
    }
    println!("{:?} {:?}", e.dropped, e.parameters);
    println!("{:.1}", t.elapsed().as_secs_f64());
}
