//! What came of ending an association.

/// What [`EventPort::dissociate_fd`](crate::EventPort::dissociate_fd) and
/// [`EventPort::dissociate_file`](crate::EventPort::dissociate_file) found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dissociated {
    /// The association is removed, and no event of it will come.
    Removed,
    /// There was no association to remove: none was made, or it is spent. Its event may have been retrieved by another
    /// thread a moment ago; and that of a *file* may still be queued, if it is an exception (FILE-50).
    NotAssociated,
}
