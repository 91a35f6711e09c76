//! Replies that later requests can go on from, in an SQLite database of their own: in the data directory, or in memory.
//!
//! One thread owns the database and takes everything in order, so that what was kept is found by whoever asks next. What
//! cannot be kept is lost, and told once: a reply that is not found is one that the client sends again as a whole.

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use apex_core::dialect::openai_responses::item_ids;
use apex_core::stored::{Ask, Kept, Key, Owner};
use apex_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::open;
use crate::schema::migrate;
use crate::trouble::Trouble;

/// Name of the database in the data directory.
pub const REPLIES: &str = "responses.db";

/// How many replies are kept, how much of them, and for how long after their last use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    pub max_age: Duration,
    pub max_entries: u64,
    pub max_size: u64,
}

/// The replies of this process. Dropping it ends its thread, once it has kept what it was given.
#[derive(Debug)]
pub struct Replies {
    sender: Sender<Message>,
    waiting: Arc<AtomicU64>,
}

enum Message {
    Bounds(Bounds),
    Flush(Sender<()>),
    Keep(Box<Kept>),
    Recall(Ask, Timestamp, Box<dyn FnOnce(Vec<Kept>) + Send>),
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Message")
    }
}

impl Replies {
    /// Starts the store in the data directory `dir`, or in memory. What is wrong with the file is told in the operator's
    /// log; the store then keeps nothing.
    pub fn start(dir: Option<PathBuf>, bounds: Bounds) -> io::Result<Self> {
        let (sender, messages) = channel();
        let waiting = Arc::default();
        let keeper =
            Keeper { dir, connection: None, bounds, kept: Sums::default(), told: None, waiting: Arc::clone(&waiting) };
        thread::Builder::new().name("responses".to_owned()).spawn(move || keeper.run(&messages))?;
        Ok(Self { sender, waiting })
    }

    /// From now on.
    pub fn bound(&self, bounds: Bounds) {
        let _ = self.sender.send(Message::Bounds(bounds));
    }

    /// Keeps a reply, unless too much is waiting to be written. Never waits.
    pub fn keep(&self, kept: Kept) {
        let size = kept.size();
        if self.waiting.fetch_add(size, Ordering::Relaxed) > MAX_WAITING {
            self.waiting.fetch_sub(size, Ordering::Relaxed);
            tracing::warn!("a response is not kept: too many are waiting to be written");
            return;
        }
        let _ = self.sender.send(Message::Keep(Box::new(kept)));
    }

    /// Waits until what was given is kept, at the longest so long.
    pub fn flush(&self, patience: Duration) {
        let (sender, done) = channel();
        let _ = self.sender.send(Message::Flush(sender));
        let _ = done.recv_timeout(patience);
    }

    /// Gives `answer` what `ask` is about, on another thread. It is dropped if the store is gone.
    pub fn recall(&self, ask: Ask, now: Timestamp, answer: impl FnOnce(Vec<Kept>) + Send + 'static) {
        let _ = self.sender.send(Message::Recall(ask, now, Box::new(answer)));
    }
}

/// The thread's side.
struct Keeper {
    dir: Option<PathBuf>,
    connection: Option<Connection>,
    bounds: Bounds,
    kept: Sums,
    /// What was told of last, and when.
    told: Option<(String, Instant)>,
    waiting: Arc<AtomicU64>,
}

/// What is in the database, counted once and carried on. Another gateway may share the file: it is counted anew now and then.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    entries: i64,
    bytes: i64,
}

impl Keeper {
    fn run(mut self, messages: &Receiver<Message>) {
        self.attempt(|_| Ok(()));
        loop {
            match messages.recv_timeout(ROUND) {
                Ok(Message::Bounds(bounds)) => self.bounds = bounds,
                Ok(Message::Flush(done)) => drop(done),
                Ok(Message::Keep(kept)) => {
                    self.attempt(|keeper| keeper.keep(&kept));
                    self.waiting.fetch_sub(kept.size(), Ordering::Relaxed);
                }
                Ok(Message::Recall(ask, now, answer)) => {
                    let found = self.attempt(|keeper| keeper.recall(&ask, now));
                    answer(found.unwrap_or_default());
                }
                Err(RecvTimeoutError::Timeout) => {
                    self.attempt(Self::count);
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Does something with the database, which is opened if it is not. What is wrong is told when it is new, or old.
    fn attempt<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T, Trouble>) -> Option<T> {
        let done = self.open().and_then(|()| work(self));
        match done {
            Ok(done) => Some(done),
            Err(trouble) => {
                let reason = trouble.to_string();
                let old = |(told, at): &(String, Instant)| *told == reason && at.elapsed() < REMIND;
                if !self.told.as_ref().is_some_and(old) {
                    tracing::warn!(%reason, "responses cannot be kept, or found again");
                    self.told = Some((reason, Instant::now()));
                }
                self.connection = None;
                None
            }
        }
    }

    fn open(&mut self) -> Result<(), Trouble> {
        if self.connection.is_some() {
            return Ok(());
        }
        self.connection = Some(if let Some(dir) = &self.dir {
            open::for_writing(dir, REPLIES, MIGRATIONS)?
        } else {
            let mut connection = Connection::open_in_memory()?;
            migrate(&mut connection, MIGRATIONS)?;
            connection
        });
        self.count()
    }

    fn database(&self) -> Result<&Connection, Trouble> {
        self.connection.as_ref().ok_or(Trouble::Sqlite(rusqlite::Error::InvalidQuery))
    }

    fn count(&mut self) -> Result<(), Trouble> {
        let row = |row: &Row<'_>| Ok(Sums { entries: row.get(0)?, bytes: row.get(1)? });
        self.kept = self.database()?.query_row("SELECT count(*), coalesce(sum(bytes), 0) FROM replies", (), row)?;
        Ok(())
    }

    fn keep(&mut self, kept: &Kept) -> Result<(), Trouble> {
        let now = micros(kept.created);
        let size = signed(kept.size());
        let owner = kept.key.owner.as_bytes();
        let whole = self.database()?.unchecked_transaction()?;
        let before: Option<i64> = whole
            .prepare_cached("SELECT bytes FROM replies WHERE owner = ?1 AND id = ?2")?
            .query_row(params![owner, kept.key.id], |row| row.get(0))
            .optional()?;
        whole.prepare_cached(INSERT)?.execute(params![
            owner,
            kept.key.id,
            kept.previous,
            kept.provider,
            kept.held,
            now,
            now,
            size,
            kept.input,
            kept.response,
        ])?;
        for item in item_ids(kept) {
            whole.prepare_cached(INSERT_ITEM)?.execute(params![owner, item, kept.key.id])?;
        }
        whole.commit()?;
        self.kept.entries += i64::from(before.is_none());
        self.kept.bytes += size - before.unwrap_or(0);
        self.forget(kept.created)
    }

    /// Forgets what is too old, and the least recently used of what is too much.
    fn forget(&mut self, now: Timestamp) -> Result<(), Trouble> {
        let oldest = micros(now - self.bounds.max_age);
        let row = |row: &Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?));
        loop {
            let Sums { entries, bytes } = self.kept;
            let over = entries > signed(self.bounds.max_entries) || bytes > signed(self.bounds.max_size);
            let last = self.database()?.prepare_cached(LEAST_USED)?.query_row((), row).optional()?;
            match last {
                Some((rowid, used, size)) if over || used < oldest => {
                    self.database()?.prepare_cached("DELETE FROM replies WHERE rowid = ?1")?.execute([rowid])?;
                    self.kept = Sums { entries: entries - 1, bytes: bytes - size };
                }
                Some(_) => return Ok(()),
                None => {
                    self.kept = Sums::default();
                    return Ok(());
                }
            }
        }
    }

    fn recall(&mut self, ask: &Ask, now: Timestamp) -> Result<Vec<Kept>, Trouble> {
        self.forget(now)?;
        match ask {
            Ask::One(key) => Ok(self.find(key, now)?.into_iter().collect()),
            Ask::Forget(key) => {
                let found = self.find(key, now)?;
                if let Some(kept) = &found {
                    self.database()?
                        .prepare_cached("DELETE FROM replies WHERE owner = ?1 AND id = ?2")?
                        .execute(params![key.owner.as_bytes(), key.id])?;
                    self.kept.entries -= 1;
                    self.kept.bytes -= signed(kept.size());
                }
                Ok(found.into_iter().collect())
            }
            Ask::Chain { key, limit } => self.chain(key, *limit, now),
            Ask::Holding { owner, ids, limit } => self.holding(*owner, ids, *limit, now),
        }
    }

    fn holding(&self, owner: Owner, ids: &[String], limit: u64, now: Timestamp) -> Result<Vec<Kept>, Trouble> {
        let (mut all, mut seen, mut size) = (Vec::new(), BTreeSet::new(), 0);
        for item in ids {
            let row = |row: &Row<'_>| row.get::<_, String>(0);
            let reply = self.database()?.prepare_cached(HOLDER)?.query_row(params![owner.as_bytes(), item], row);
            let Some(id) = reply.optional()?.filter(|id| seen.insert(id.clone())) else { continue };
            let Some(kept) = self.find(&Key { owner, id }, now)? else { continue };
            size += kept.size();
            all.push(kept);
            if size > limit {
                break;
            }
        }
        Ok(all)
    }

    fn chain(&self, key: &Key, limit: u64, now: Timestamp) -> Result<Vec<Kept>, Trouble> {
        let (mut chain, mut seen, mut size) = (Vec::new(), BTreeSet::new(), 0);
        let mut next = Some(key.id.clone());
        while let Some(id) = next.take() {
            // Ids come from upstreams: one that goes on from itself must not hold this thread for ever.
            let Some(kept) =
                self.find(&Key { owner: key.owner, id: id.clone() }, now)?.filter(|_| seen.insert(id.clone()))
            else {
                return Ok(Vec::new());
            };
            next.clone_from(&kept.previous);
            size += kept.size();
            chain.push(kept);
            if size > limit {
                break;
            }
        }
        chain.reverse();
        Ok(chain)
    }

    /// One reply, which is used now.
    fn find(&self, key: &Key, now: Timestamp) -> Result<Option<Kept>, Trouble> {
        let found = self
            .database()?
            .prepare_cached(FIND)?
            .query_row(params![key.owner.as_bytes(), key.id, micros(now)], |row| {
                let created: i64 = row.get(5)?;
                Ok(Kept {
                    key: Key { owner: Owner::from_bytes(row.get(0)?), id: row.get(1)? },
                    previous: row.get(2)?,
                    provider: row.get(3)?,
                    held: row.get(4)?,
                    created: Timestamp::from_micros(created.unsigned_abs()),
                    input: row.get(6)?,
                    response: row.get(7)?,
                })
            })
            .optional()?;
        Ok(found)
    }
}

/// SQLite's integers have a sign.
fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

fn micros(at: Timestamp) -> i64 {
    signed(at.as_micros())
}

const MIGRATIONS: &[&str] = &[
    "
CREATE TABLE replies (
    owner BLOB NOT NULL,
    id TEXT NOT NULL,
    previous TEXT,
    provider TEXT NOT NULL,
    held INTEGER NOT NULL,
    created INTEGER NOT NULL,
    used INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    input TEXT NOT NULL,
    response TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX replies_key ON replies (owner, id);
CREATE INDEX replies_used ON replies (used);
",
    "
CREATE TABLE items (
    owner BLOB NOT NULL,
    id TEXT NOT NULL,
    reply TEXT NOT NULL,
    PRIMARY KEY (owner, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX items_reply ON items (owner, reply);
CREATE TRIGGER replies_forgotten AFTER DELETE ON replies BEGIN
    DELETE FROM items WHERE owner = old.owner AND reply = old.id;
END;
",
];

const INSERT: &str = "
INSERT OR REPLACE INTO replies (owner, id, previous, provider, held, created, used, bytes, input, response)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
const FIND: &str = "
UPDATE replies SET used = max(used, ?3) WHERE owner = ?1 AND id = ?2
RETURNING owner, id, previous, provider, held, created, input, response";
const INSERT_ITEM: &str = "INSERT OR REPLACE INTO items (owner, id, reply) VALUES (?1, ?2, ?3)";
const HOLDER: &str = "SELECT reply FROM items WHERE owner = ?1 AND id = ?2";
const LEAST_USED: &str = "SELECT rowid, used, bytes FROM replies ORDER BY used LIMIT 1";

/// Bytes that may wait to be written.
const MAX_WAITING: u64 = 64 << 20;
const ROUND: Duration = Duration::from_secs(600);
const REMIND: Duration = Duration::from_secs(600);

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;

    use super::*;

    const BOUNDS: Bounds = Bounds { max_age: Duration::from_secs(100), max_entries: 3, max_size: 1 << 20 };

    fn owner(n: u8) -> Owner {
        Owner::from_bytes([n; 32])
    }

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    fn kept(id: &str, previous: Option<&str>, seconds: u64) -> Kept {
        Kept {
            key: Key { owner: owner(1), id: id.into() },
            previous: previous.map(str::to_owned),
            provider: "p".into(),
            held: false,
            created: at(seconds),
            input: format!("[\"{id}\"]"),
            response: "{}".into(),
        }
    }

    fn ids(replies: &Replies, ask: Ask, seconds: u64) -> Vec<String> {
        let (sender, answer) = sync_channel(1);
        replies.recall(ask, at(seconds), move |found| sender.send(found).unwrap());
        answer.recv().unwrap().into_iter().map(|kept| kept.key.id).collect()
    }

    fn chain(who: u8, id: &str, limit: u64) -> Ask {
        Ask::Chain { key: Key { owner: owner(who), id: id.into() }, limit }
    }

    #[test]
    fn a_chain_is_found_by_its_owner_only() {
        let replies = Replies::start(None, BOUNDS).unwrap();
        replies.keep(kept("a", None, 1));
        replies.keep(kept("b", Some("a"), 2));
        replies.keep(kept("c", Some("b"), 3));
        assert_eq!(ids(&replies, chain(1, "c", 1000), 4), ["a", "b", "c"]);
        assert_eq!(ids(&replies, chain(1, "b", 1000), 4), ["a", "b"]);
        assert_eq!(ids(&replies, chain(2, "c", 1000), 4), [""; 0]);
        // Enough to be over the limit.
        assert_eq!(ids(&replies, chain(1, "c", 8), 4), ["b", "c"]);
        let key = Key { owner: owner(2), id: "b".into() };
        assert_eq!(ids(&replies, Ask::Forget(key.clone()), 4), [""; 0]);
        assert_eq!(ids(&replies, Ask::Forget(Key { owner: owner(1), ..key.clone() }), 4), ["b"]);
        assert_eq!(ids(&replies, Ask::One(Key { owner: owner(1), ..key }), 4), [""; 0]);
        // With a hole it is no conversation.
        assert_eq!(ids(&replies, chain(1, "c", 1000), 4), [""; 0]);
    }

    #[test]
    fn items_are_found_as_long_as_their_reply_is_kept() {
        let replies = Replies::start(None, BOUNDS).unwrap();
        let holding = |id: &str, items: [&str; 2]| Kept {
            input: r#"[{"role":"user","content":"q"},{"type":"item_reference","id":"elsewhere"}]"#.into(),
            response: format!(r#"{{"output":[{{"id":"{}"}},{{"id":"{}"}}]}}"#, items[0], items[1]),
            ..kept(id, None, 1)
        };
        let ask = |who: u8, items: &[&str], limit: u64| Ask::Holding {
            owner: owner(who),
            ids: items.iter().map(|&id| id.to_owned()).collect(),
            limit,
        };
        replies.keep(holding("a", ["msg_1", "fc_1"]));
        replies.keep(holding("b", ["msg_2", "fc_2"]));
        assert_eq!(ids(&replies, ask(1, &["fc_1", "msg_1", "none", "fc_2"], 1000), 2), ["a", "b"]);
        assert_eq!(ids(&replies, ask(1, &["fc_1", "fc_2"], 5), 2), ["a"]);
        assert_eq!(ids(&replies, ask(2, &["fc_1"], 1000), 2), [""; 0]);
        assert_eq!(ids(&replies, ask(1, &["elsewhere"], 1000), 2), [""; 0]);
        assert_eq!(ids(&replies, ask(1, &["msg_ain0"], 1000), 2), ["a"]);
        let key = Key { owner: owner(1), id: "a".into() };
        assert_eq!(ids(&replies, Ask::Forget(key), 2), ["a"]);
        assert_eq!(ids(&replies, ask(1, &["fc_1", "fc_2"], 1000), 2), ["b"]);
    }

    #[test]
    fn the_least_recently_used_goes_first() {
        let replies = Replies::start(None, BOUNDS).unwrap();
        ["a", "b", "c"].into_iter().zip(1..).for_each(|(id, second)| replies.keep(kept(id, None, second)));
        assert_eq!(ids(&replies, chain(1, "a", 1000), 10), ["a"]);
        replies.keep(kept("d", None, 11));
        assert_eq!(ids(&replies, chain(1, "b", 1000), 12), [""; 0]);
        assert_eq!(ids(&replies, chain(1, "a", 1000), 12), ["a"]);
        // What is too old is gone; what was used since is not.
        assert_eq!(ids(&replies, chain(1, "d", 1000), 111), ["d"]);
        assert_eq!(ids(&replies, chain(1, "a", 1000), 150), [""; 0]);
        replies.bound(Bounds { max_size: 3, ..BOUNDS });
        replies.keep(kept("e", None, 151));
        assert_eq!(ids(&replies, chain(1, "e", 1000), 152), [""; 0]);
    }

    #[test]
    fn a_reply_that_goes_on_from_itself_is_none() {
        let replies = Replies::start(None, BOUNDS).unwrap();
        replies.keep(kept("a", Some("b"), 1));
        replies.keep(kept("b", Some("a"), 1));
        assert_eq!(ids(&replies, chain(1, "a", 1000), 2), [""; 0]);
    }

    #[test]
    fn they_survive_a_restart() {
        let dir = std::env::temp_dir().join(format!("apex-replies-{}", std::process::id()));
        let open = || Replies::start(Some(dir.clone()), BOUNDS).unwrap();
        let replies = open();
        replies.keep(kept("a", None, 1));
        assert_eq!(ids(&replies, chain(1, "a", 1000), 2), ["a"]);
        drop(replies);
        assert_eq!(ids(&open(), chain(1, "a", 1000), 2), ["a"]);
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
