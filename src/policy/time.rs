//! Hours and weekdays of a named time zone.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// A time zone with its name.
#[derive(Debug, Clone)]
pub struct Zone {
    name: Box<str>,
    zone: TimeZone,
}

/// A moment as policies see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Local {
    /// 1 is Monday.
    pub weekday: i64,
    /// 0 to 23.
    pub hour: i64,
    /// 0 to 59.
    pub minute: i64,
    /// `2026-11-22`
    pub date: String,
}

impl Zone {
    /// The zone of a name of the IANA database, such as `Europe/Berlin`.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let zone = TimeZone::get(name).ok()?;
        // As the database spells it: names are looked up without regard to case.
        let name = zone.iana_name().unwrap_or(name).into();
        Some(Self { name, zone })
    }

    /// Coordinated universal time.
    #[must_use]
    pub fn utc() -> Self {
        Self { name: "UTC".into(), zone: TimeZone::UTC }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The moment of a text such as `2026-11-23T09:30:00Z`, in seconds since the Unix epoch; without
    /// a zone of its own it is told by these clocks.
    #[must_use]
    pub fn moment(&self, text: &str) -> Option<u64> {
        let moment = match text.parse::<Timestamp>() {
            Ok(moment) => moment,
            Err(_) => {
                let shown: DateTime = text.parse().ok()?;
                shown.to_zoned(self.zone.clone()).ok()?.timestamp()
            }
        };
        u64::try_from(moment.as_second()).ok()
    }

    /// What the clocks of the zone show at a moment, in seconds since the Unix epoch; `None` for
    /// moments that no calendar holds.
    #[must_use]
    pub fn at(&self, unix_s: u64) -> Option<Local> {
        let moment = Timestamp::from_second(i64::try_from(unix_s).ok()?).ok()?;
        let shown = moment.to_zoned(self.zone.clone());
        Some(Local {
            weekday: i64::from(shown.weekday().to_monday_one_offset()),
            hour: i64::from(shown.hour()),
            minute: i64::from(shown.minute()),
            date: shown.date().to_string(),
        })
    }
}

/// A moment as Cedar's `datetime` reads it.
#[must_use]
pub fn datetime(unix_s: u64) -> Option<String> {
    let moment = Timestamp::from_second(i64::try_from(unix_s).ok()?).ok()?;
    Some(moment.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

#[cfg(test)]
mod tests {
    use super::{Zone, datetime};

    #[test]
    fn clocks_of_a_zone_follow_its_summer_time() {
        let berlin = Zone::named("Europe/Berlin").unwrap();
        // 2026-07-01T22:30:00Z and 2026-12-01T22:30:00Z.
        let summer = berlin.at(1_782_945_000).unwrap();
        assert_eq!(
            (summer.hour, summer.minute, summer.weekday, &*summer.date),
            (0, 30, 4, "2026-07-02")
        );
        let winter = berlin.at(1_796_164_200).unwrap();
        assert_eq!((winter.hour, &*winter.date), (23, "2026-12-01"));
        assert!(Zone::named("Europe/Atlantis").is_none());
        assert_eq!(datetime(1_796_164_200).unwrap(), "2026-12-01T22:30:00Z");
    }

    #[test]
    fn impossible_moment_has_no_clock() {
        assert!(Zone::utc().at(u64::MAX).is_none() && datetime(u64::MAX).is_none());
    }
}
