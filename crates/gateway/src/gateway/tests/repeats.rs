//! A repeated push is applied once.

use super::*;

#[test]
fn a_repeat_gets_the_first_answer_and_is_not_applied() {
    let mut gateway = gateway();
    let id = PushId::new(b"a").unwrap();
    let metrics = [counter("x", 1.0, &[]), counter("x", -1.0, &[])];
    let first = gateway
        .push(Some(&id), &Push::from(&metrics[..]), 0)
        .unwrap();
    assert!(matches!(first, Pushed::Applied(_)));
    let again = gateway
        .push(Some(&id), &Push::from(&metrics[..]), 0)
        .unwrap();
    assert_eq!(again, Pushed::Repeat(first.answer()));
    assert_eq!(
        first.answer(),
        Answer {
            accepted: 1,
            rejected: 1,
            reasons: Some("bad_value=1; first=x".into()),
        }
    );
    assert_eq!(pushed(&gateway), "# TYPE pushed_x counter\npushed_x 1\n");
}

#[test]
fn an_id_that_comes_back_with_other_metrics_is_an_error_and_nothing_is_applied() {
    let mut gateway = gateway();
    let id = PushId::new(b"a").unwrap();
    let metrics = |value| vec![counter("x", value, &[])];
    gateway
        .push(Some(&id), &Push::from(&metrics(1.0)[..]), 0)
        .unwrap();
    assert_eq!(
        gateway.push(Some(&id), &Push::from(&metrics(2.0)[..]), 0),
        Err(PushIdReused)
    );
    assert_eq!(pushed(&gateway), "# TYPE pushed_x counter\npushed_x 1\n");
    // and a true repeat still gets the first answer
    assert!(matches!(
        gateway.push(Some(&id), &Push::from(&metrics(1.0)[..]), 0),
        Ok(Pushed::Repeat(_))
    ));
}

#[test]
fn a_repeat_of_a_forgotten_id_is_applied_again() {
    let mut gateway = gateway();
    for id in ["a", "b", "c", "a"] {
        let id = PushId::new(id.as_bytes()).unwrap();
        let metrics = [counter("x", 1.0, &[])];
        assert!(matches!(
            gateway.push(Some(&id), &Push::from(&metrics[..]), 0),
            Ok(Pushed::Applied(_))
        ));
    }
    assert_eq!(pushed(&gateway), "# TYPE pushed_x counter\npushed_x 4\n");
}
