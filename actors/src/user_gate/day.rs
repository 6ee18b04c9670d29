//! A key's tokens of one billing day: used, and held for requests under way.

/// The newest day that the key has seen. Days are the wall clock's: one set back into an earlier day goes on counting
/// here, so that it frees nobody.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Day {
    /// Its midnight, epoch milliseconds.
    pub(super) start: i64,
    /// Tokens used.
    pub(super) used: i64,
    /// Tokens held.
    held: i64,
}

/// Tokens held on a day.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct DayHold {
    start: i64,
    tokens: i64,
}

/// Whether a day's quota has room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Room {
    /// It has: hold so many.
    For(i64),
    /// Not while others hold what is left.
    Later,
    /// It is used up.
    Never,
}

impl DayHold {
    /// The day it counts on, epoch milliseconds of its midnight.
    pub(super) fn start(self) -> i64 {
        self.start
    }
}

impl Day {
    /// Takes in what the database knows of a day: others book, too.
    pub(super) fn catch_up(&mut self, start: i64, used: i64) {
        self.begin(start);
        if start == self.start {
            self.used = self.used.max(used);
        }
    }

    /// Tokens held.
    pub(super) fn held(&self) -> i64 {
        self.held
    }

    pub(super) fn of(start: i64, used: i64) -> Self {
        Self { start, used, held: 0 }
    }

    /// Tokens used on the day that counts for a request of the day `start`.
    pub(super) fn used_on(&self, start: i64) -> i64 {
        if start > self.start { 0 } else { self.used }
    }

    /// Room for a request that may use `wanted` of `limit` tokens; the rest of a day is used by one request at a time.
    pub(super) fn room(&self, start: i64, wanted: i64, limit: i64) -> Room {
        let (used, held) = if start > self.start { (0, 0) } else { (self.used, self.held) };
        let left = limit.saturating_sub(used);
        if left <= 0 {
            return Room::Never;
        }
        match left.saturating_sub(held) {
            free if free >= wanted => Room::For(wanted),
            _ if held == 0 => Room::For(left),
            _ => Room::Later,
        }
    }

    pub(super) fn hold(&mut self, start: i64, tokens: i64) -> DayHold {
        self.begin(start);
        self.held = self.held.saturating_add(tokens);
        DayHold { start: self.start, tokens }
    }

    /// Gives a hold back, unless its day is over.
    pub(super) fn give_back(&mut self, held: DayHold) {
        if held.start == self.start {
            self.held = self.held.saturating_sub(held.tokens);
        }
    }

    /// Counts what a request used that was let in under `held`.
    pub(super) fn spend(&mut self, held: DayHold, start: i64, tokens: i64) {
        let start = start.max(held.start);
        self.begin(start);
        if start == self.start {
            self.used = self.used.saturating_add(tokens);
        }
    }

    fn begin(&mut self, start: i64) {
        if start > self.start {
            *self = Self::of(start, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400_000;

    #[test]
    fn the_rest_of_a_day_goes_to_one_request_at_a_time() {
        let mut day = Day::default();
        assert_eq!(day.room(0, 600, 1_000), Room::For(600));
        let first = day.hold(0, 600);
        assert_eq!(day.room(0, 600, 1_000), Room::Later);
        assert_eq!(day.room(0, 400, 1_000), Room::For(400));
        day.give_back(first);
        day.spend(first, 0, 700);
        assert_eq!(day.room(0, 600, 1_000), Room::For(300), "the rest, since nobody else holds any of it");
        let last = day.hold(0, 300);
        day.give_back(last);
        day.spend(last, 0, 301);
        assert_eq!(day.room(0, 1, 1_000), Room::Never);
    }

    #[test]
    fn midnight_frees_everybody_and_a_clock_set_back_nobody() {
        let mut day = Day::of(DAY, 1_000);
        assert_eq!(day.room(0, 1, 1_000), Room::Never, "yesterday has no quota of its own any more");
        let late = day.hold(0, 5);
        day.spend(late, 0, 5);
        assert_eq!(day.used_on(DAY), 1_005, "a request let in after the clock was set back counts where it was held");
        assert_eq!(day.room(2 * DAY, 10, 1_000), Room::For(10));
        day.hold(2 * DAY, 10);
        day.give_back(late);
        day.spend(late, 0, 5);
        assert_eq!((day.used, day.held), (0, 10), "what began on a day counts there, though it ends on the next");
    }
}
