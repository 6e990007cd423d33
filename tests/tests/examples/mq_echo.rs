use crate::program::{Program, example};
use crate::{assert_misuse, run};
use event_ports::MessageQueue;
use std::process::Command;

/// The names of two queues that nobody has.
fn names(test: &str) -> [String; 2] {
    ["requests", "replies"].map(|queue| {
        let name = format!("/event-ports-example-{test}-{queue}-{}", std::process::id());
        // An earlier process with this number may have been killed.
        let _ = MessageQueue::unlink(&name);
        name
    })
}

fn serve([requests, replies]: &[String; 2]) -> Program {
    let mut program = Program::start(Command::new(example("mq_echo")).args(["serve", requests, replies]));
    assert_eq!(program.line(), format!("answering on {replies} what comes on {requests}"));
    program
}

fn ask([requests, replies]: &[String; 2], messages: &[&str]) -> (i32, String, String) {
    let end = run("mq_echo", &[&["ask", requests, replies], messages].concat());
    (end.code(), end.stdout, end.stderr)
}

fn assert_gone(names: &[String; 2]) {
    for name in names {
        assert!(MessageQueue::open(name).is_err_and(|error| error.is_not_found()), "{name} is left");
    }
}

#[test]
fn messages_come_back_until_one_says_quit() {
    let names = names("quit");
    let server = serve(&names);
    let many: Vec<String> = (0..50).map(|number| format!("message {number}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(ask(&names, &many), (0, many.join("\n") + "\n", String::new()));
    assert_eq!(ask(&names, &["", "quit"]), (0, "\nquit\n".into(), String::new()));
    let end = server.end();
    assert_eq!((end.code(), end.stdout.as_str(), end.stderr.as_str()), (0, "", ""));
    assert_gone(&names);
}

#[test]
fn a_signal_ends_it_and_nothing_is_left() {
    for signal in [libc::SIGINT, libc::SIGTERM] {
        let names = names(&format!("signal-{signal}"));
        let server = serve(&names);
        assert_eq!(ask(&names, &["hello"]), (0, "hello\n".into(), String::new()));
        server.signal(signal);
        let end = server.end();
        assert_eq!((end.code(), end.stderr.as_str()), (0, ""));
        assert_gone(&names);
    }
}

#[test]
fn who_does_not_listen_keeps_nobody_from_being_served() {
    let names = names("deaf");
    let server = serve(&names);
    let requests = MessageQueue::options().read(false).open(&names[0]).expect("it is there");
    for number in 0..100 {
        requests.send(format!("{number}").as_bytes(), 0).expect("sent");
    }
    // The first answers are what the queue holds.
    let replies = MessageQueue::options().write(false).open(&names[1]).expect("it is there");
    let mut answer = [0; 256];
    for number in 0..8 {
        let (len, _) = replies.receive(&mut answer).expect("received");
        assert_eq!(&answer[..len], format!("{number}").as_bytes());
    }
    server.signal(libc::SIGTERM);
    let end = server.end();
    assert_eq!(end.code(), 0);
    assert!(end.stderr.lines().all(|line| line == "mq_echo: an answer is dropped: nobody takes the others"), "{end:?}");
    assert_gone(&names);
}

#[test]
fn what_goes_wrong_is_told() {
    let names = names("wrong");
    let (code, stdout, stderr) = ask(&names, &["hello"]);
    assert_eq!((code, stdout.as_str()), (1, ""));
    assert!(stderr.starts_with("mq_echo: ") && stderr.contains(&names[0]), "{stderr}");
    let server = serve(&names);
    // Somebody serves already. What is there stays there.
    let [requests, replies] = &names;
    let end = run("mq_echo", &["serve", requests, replies]);
    assert!(end.code() == 1 && end.stderr.contains(requests.as_str()), "{end:?}");
    let long = "x".repeat(257);
    let (code, stdout, stderr) = ask(&names, &["short", &long]);
    assert_eq!((code, stdout.as_str()), (1, "short\n"));
    assert!(stderr.starts_with("mq_echo: "), "{stderr}");
    assert_eq!(ask(&names, &["still there"]), (0, "still there\n".into(), String::new()));
    server.signal(libc::SIGINT);
    assert_eq!(server.end().code(), 0);
    assert_gone(&names);
}

#[test]
fn bad_arguments_get_a_usage_line_and_status_2() {
    let cases = [
        &[][..],
        &["serve"],
        &["serve", "/a"],
        &["serve", "/a", "/b", "c"],
        &["ask", "/a", "/b"],
        &["sing", "/a", "/b"],
    ];
    assert_misuse("mq_echo", &cases, "mq_echo serve|ask REQUESTS REPLIES [MESSAGE...]");
}
