// SPDX-License-Identifier: GPL-2.0

//! The tables of `Documentation/interface.rst`, made from the module's own table of settings.

use crate::model::policy::Reason;
use crate::model::settings::{self, Effect, Initial, Kind, Place, Slot, Spec};
use crate::model::stats::{Event, Metric};
use crate::seen::test_of;
use std::fmt::Write;

/// Path of the document, relative to this package.
pub const DOCUMENT: &str = "../../Documentation/interface.rst";

/// Names of the generated parts, as in their markers.
pub const PARTS: [&str; 4] = ["files", "cmd keys", "counters", "reasons"];

/// Marker before a generated part.
pub fn begin(part: &str) -> String {
    format!(".. generated: {part} (cargo run --bin update-reference)\n")
}

/// Marker after a generated part.
pub const END: &str = ".. end of generated part\n";

/// The text between the markers of `part`.
///
/// # Panics
///
/// If there is no such part.
pub fn table(part: &str) -> String {
    match part {
        "files" => settings_table(Place::File),
        "cmd keys" => settings_table(Place::Cmd),
        "counters" => counters_table(),
        "reasons" => reasons_table(),
        _ => panic!("no part {part}"),
    }
}

fn settings_table(place: Place) -> String {
    let mut text = String::from(
        "\n.. csv-table::\n   :header: Name, Values, Default, Obeyed, Meaning, Test\n   :widths: auto\n\n",
    );
    for spec in settings::specs().filter(|spec| spec.place == place) {
        writeln!(
            text,
            "   \"{}\", \"{}\", \"{}\", {}, \"{}\", \"{}\"",
            spec.name,
            values(spec),
            default(spec),
            match spec.effect {
                Effect::Active => "yes",
                Effect::Stored => "no",
            },
            spec.doc,
            test(spec)
        )
        .expect("a string takes everything");
    }
    text.push('\n');
    text
}

/// The test that sees a setting, in a cell that is never empty.
fn test(spec: &Spec) -> &'static str {
    test_of(spec.name).unwrap_or("none yet")
}

fn values(spec: &Spec) -> String {
    match spec.kind {
        Kind::Info if spec.writable => "lines ``key: value``".into(),
        Kind::Info => "read-only".into(),
        kind => kind.to_string(),
    }
}

fn default(spec: &'static Spec) -> String {
    match (spec.default, spec.slot) {
        (Initial::Scalar(slot), _) => {
            let mut text = String::new();
            settings::format(spec, slot, &mut text).expect("a string takes everything");
            if text.is_empty() {
                text = "empty".into();
            }
            text
        }
        (Initial::None, Slot::Text(_)) => "empty".into(),
        (Initial::None, _) => String::new(),
    }
}

fn counters_table() -> String {
    let mut text = String::from(
        "\n.. csv-table::\n   :header: Name, Per family, Meaning\n   :widths: auto\n\n",
    );
    for metric in Metric::ALL {
        let line = format!("   \"{}\", yes, \"{}\"\n", metric.name(), metric.doc());
        text.push_str(&line);
    }
    for event in Event::ALL {
        let line = format!("   \"{}\", no, \"{}\"\n", event.name(), event.doc());
        text.push_str(&line);
    }
    text.push('\n');
    text
}

fn reasons_table() -> String {
    let mut text =
        String::from("\n.. csv-table::\n   :header: Word, Meaning\n   :widths: auto\n\n");
    for reason in Reason::ALL {
        let line = format!("   \"{}\", \"{}\"\n", reason.word(), reason.doc());
        text.push_str(&line);
    }
    text.push('\n');
    text
}

/// `document` with its generated parts made anew. `None` if a marker is missing.
pub fn updated(document: &str) -> Option<String> {
    let mut document = document.to_owned();
    for part in PARTS {
        let (before, rest) = document.split_once(&begin(part))?;
        let (_, after) = rest.split_once(END)?;
        document = format!("{before}{}{}{END}{after}", begin(part), table(part));
    }
    Some(document)
}
