//! Prints what happens to a file until it is deleted.

use event_ports::{ChangeKind, Watcher};
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let mut watcher = Watcher::new()?;
    watcher.watch("notes.txt", 0)?; // it need not exist yet
    println!("watching notes.txt");
    for change in watcher.changes() {
        let change = change?;
        println!("{change}");
        if change.kind == ChangeKind::Deleted {
            break;
        }
    }
    Ok(())
}
