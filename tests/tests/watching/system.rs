//! What the system keeps for this process.

/// How many files inotify watches: none that nobody is waiting for. Elsewhere the system does not tell.
#[cfg(target_os = "linux")]
pub(crate) fn watches() -> usize {
    let infos = std::fs::read_dir("/proc/self/fdinfo").expect("listed").flatten();
    let texts = infos.filter_map(|info| std::fs::read_to_string(info.path()).ok());
    texts.map(|text| text.lines().filter(|line| line.starts_with("inotify ")).count()).sum()
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn watches() -> usize {
    0
}

/// How often to do something: more often in the long mode, which `EVENT_PORTS_LONG=1` asks for.
pub(crate) fn rounds(usual: usize) -> usize {
    if std::env::var_os("EVENT_PORTS_LONG").is_some() { usual * 50 } else { usual }
}
