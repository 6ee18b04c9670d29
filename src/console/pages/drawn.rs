//! Charts as the server draws them, where the front end has no chart library: the same ones, as SVG.

use jiff::tz::TimeZone;
use serde::Serialize;

use super::charts::{Chart, Series};
use crate::console::format;

/// Room above the highest figure: of what is measured on the left, and on the right, whose line then runs below the other.
const ROOM: [f64; 2] = [1.12, 1.45];
/// Most steps of an axis, and most times below a chart.
const MOST_STEPS: f64 = 5.0;
const MOST_TIMES: usize = 6;
/// Part of its place that a bar takes, and its greatest width, in percent of the chart.
const BAR: f64 = 0.7;
const WIDEST_BAR: f64 = 5.0;

/// A chart in a box of 100 by 100; places count from its left and from its top.
#[derive(Serialize)]
pub(super) struct Drawing {
    bars: Vec<Bar>,
    lines: Vec<Line>,
    /// The axes' steps: left, right, and the times below.
    left: Vec<Mark>,
    right: Vec<Mark>,
    times: Vec<Mark>,
    /// What each point in time shows, for whoever points at it.
    points: Vec<Point>,
}

#[derive(Serialize)]
struct Bar {
    x: f64,
    y: f64,
    width: f64,
    height: f64,
    colour: &'static str,
}

#[derive(Serialize)]
struct Point {
    x: f64,
    width: f64,
    title: String,
}

#[derive(Serialize)]
struct Line {
    points: String,
    colour: &'static str,
    fill: bool,
    dashed: bool,
}

#[derive(Serialize)]
struct Mark {
    at: f64,
    label: String,
}

impl Drawing {
    pub(super) fn of(chart: &Chart) -> Self {
        let is_stack = chart.kind == "stack";
        let (left, right): (Vec<&Series>, Vec<&Series>) = chart.series.iter().partition(|series| series.axis.is_none());
        let most_left = if is_stack { tallest(&chart.series, chart.x.len()) } else { highest(&left) };
        let tops = [top(most_left, ROOM[0]), top(highest(&right), ROOM[1])];
        let steps = |of: &[&Series], top| of.first().map_or_else(Vec::new, |series| steps(series.fmt, top));
        let line = |series: &Series| line(series, tops[usize::from(series.axis.is_some())]);
        Self {
            bars: if is_stack { bars(&chart.series, chart.x.len(), tops[0]) } else { Vec::new() },
            lines: if is_stack { Vec::new() } else { chart.series.iter().map(line).collect() },
            left: steps(&left, tops[0]),
            right: steps(&right, tops[1]),
            times: times(chart, is_stack),
            points: points(chart, is_stack),
        }
    }
}

/// The highest sum of a stack's parts.
fn tallest(series: &[Series], places: usize) -> f64 {
    let sum = |at: usize| series.iter().map(|one| one.y[at]).sum::<f64>();
    (0..places).map(sum).fold(0.0, f64::max)
}

fn highest(series: &[&Series]) -> f64 {
    series.iter().flat_map(|one| &one.y).copied().fold(0.0, f64::max)
}

/// Where an axis ends.
fn top(most: f64, room: f64) -> f64 {
    if most > 0.0 { most * room } else { room }
}

fn hundredths(figure: f64) -> f64 {
    (figure * 100.0).round() / 100.0
}

/// How far below the top a figure is, in percent.
fn below(figure: f64, top: f64) -> f64 {
    hundredths(100.0 - figure / top * 100.0)
}

/// Where the middle of a place is: places side by side, or points from edge to edge.
fn middle(at: usize, places: usize, side_by_side: bool) -> f64 {
    match places {
        0 | 1 => 50.0,
        _ if side_by_side => (at as f64 + 0.5) * 100.0 / places as f64,
        _ => at as f64 * 100.0 / (places - 1) as f64,
    }
}

fn bars(series: &[Series], places: usize, top: f64) -> Vec<Bar> {
    let width = (BAR * 100.0 / places as f64).min(WIDEST_BAR);
    let mut bars = Vec::new();
    for at in 0..places {
        let mut under = 0.0;
        for one in series.iter().filter(|one| one.y[at] > 0.0) {
            let (x, y) = (hundredths(middle(at, places, true) - width / 2.0), below(under + one.y[at], top));
            let height = hundredths(below(under, top) - y);
            bars.push(Bar { x, y, width: hundredths(width), height, colour: one.c });
            under += one.y[at];
        }
    }
    bars
}

/// From edge to edge; a single point is a short line.
fn line(series: &Series, top: f64) -> Line {
    let places = series.y.len();
    let point = |(at, figure): (usize, &f64)| format!("{:.2},{:.2}", middle(at, places, false), below(*figure, top));
    let points = match series.y[..] {
        [only] => format!("48,{0:.2} 52,{0:.2}", below(only, top)),
        _ => series.y.iter().enumerate().map(point).collect::<Vec<_>>().join(" "),
    };
    Line { points, colour: series.c, fill: series.fill.is_some(), dashed: series.dash.is_some() }
}

/// Round figures from 0 up.
fn steps(fmt: &str, top: f64) -> Vec<Mark> {
    let magnitude = 10f64.powf((top / MOST_STEPS).log10().floor());
    let fitting = [1.0, 2.0, 5.0, 10.0].map(|digit| digit * magnitude).into_iter().find(|step| top / step <= MOST_STEPS);
    let mut step = fitting.unwrap_or(top);
    if fmt == "n" {
        step = step.max(1.0);
    }
    let figures = (0u32..).map(|times| f64::from(times) * step).take_while(|figure| *figure <= top);
    figures.map(|figure| Mark { at: below(figure, top), label: short(fmt, figure) }).collect()
}

fn times(chart: &Chart, side_by_side: bool) -> Vec<Mark> {
    let (places, clock) = (chart.x.len(), Clock::of(chart));
    let every = places.div_ceil(MOST_TIMES).max(1);
    let mark = |(at, time): (usize, &i64)| Mark { at: hundredths(middle(at, places, side_by_side)), label: clock.at(*time) };
    chart.x.iter().enumerate().step_by(every).map(mark).collect()
}

fn points(chart: &Chart, side_by_side: bool) -> Vec<Point> {
    let (places, clock) = (chart.x.len(), Clock::of(chart));
    let width = if side_by_side { 100.0 / places as f64 } else { 100.0 / places.saturating_sub(1).max(1) as f64 };
    let point = |(at, time): (usize, &i64)| {
        let figures = chart.series.iter().map(|series| format!("{} {}", series.name, short(series.fmt, series.y[at])));
        let title = [clock.at(*time)].into_iter().chain(figures).collect::<Vec<_>>().join("\n");
        let middle = middle(at, places, side_by_side);
        let (from, to) = ((middle - width / 2.0).max(0.0), (middle + width / 2.0).min(100.0));
        Point { x: hundredths(from), width: hundredths(to - from), title }
    };
    chart.x.iter().enumerate().map(point).collect()
}

/// The time of day, or the day.
struct Clock(TimeZone, &'static str);

impl Clock {
    fn of(chart: &Chart) -> Self {
        Self(format::zone(&chart.zone), if chart.bucket == "hour" { "%H:%M" } else { "%m-%d" })
    }

    fn at(&self, seconds: i64) -> String {
        format::moment(seconds * 1_000, &self.0, self.1)
    }
}

/// A figure as short as axes need it; as `static/src/chart.js` writes it.
fn short(fmt: &str, figure: f64) -> String {
    match fmt {
        "usd" if figure == 0.0 || figure >= 1.0 => format!("${figure:.2}"),
        "usd" => format!("${}", digits(figure, 2)),
        "rate" if figure < 1e3 => digits(figure, 3),
        _ => {
            let (unit, letter) =
                [(1e9, "B"), (1e6, "M"), (1e3, "k")].into_iter().find(|(unit, _)| figure >= *unit).unwrap_or((1.0, ""));
            format!("{}{letter}", without_zeros(format!("{:.1}", figure / unit)))
        }
    }
}

/// With this many digits that say something.
fn digits(figure: f64, many: i32) -> String {
    let before_the_point = if figure > 0.0 { figure.log10().floor() as i32 + 1 } else { 1 };
    without_zeros(format!("{figure:.*}", usize::try_from(many - before_the_point).unwrap_or_default()))
}

fn without_zeros(text: String) -> String {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(c: &'static str, fmt: &'static str, axis: Option<&'static str>, y: &[f64]) -> Series {
        Series { name: c.to_owned(), c, fmt, fill: None, axis, dash: None, y: y.to_vec() }
    }

    fn chart(kind: &'static str, series: Vec<Series>) -> Chart {
        let x = (0..series[0].y.len()).map(|hour| i64::try_from(hour).unwrap() * 3_600).collect();
        Chart { x, zone: "Asia/Shanghai".to_owned(), bucket: "hour", kind, series }
    }

    #[test]
    fn a_bar_stands_on_the_one_below_and_is_as_high_as_its_figure() {
        let parts = vec![series("c1", "n", None, &[0.0, 300.0]), series("c2", "n", None, &[0.0, 100.0])];
        let drawing = Drawing::of(&chart("stack", parts));
        let [lower, upper] = &drawing.bars[..] else { panic!("{} bars", drawing.bars.len()) };
        assert_eq!((lower.colour, upper.colour), ("c1", "c2"));
        assert!((lower.y + lower.height - 100.0).abs() < 0.02 && (upper.y + upper.height - lower.y).abs() < 0.02);
        assert!((lower.height / upper.height - 3.0).abs() < 0.01, "{} to {}", lower.height, upper.height);
        assert_eq!((lower.x, lower.width), (72.5, WIDEST_BAR));
        assert!(drawing.lines.is_empty() && drawing.right.is_empty());
        assert_eq!(drawing.points[1].title, "09:00\nc1 300\nc2 100");
    }

    #[test]
    fn each_line_is_measured_by_its_own_axis() {
        let lines = vec![series("c1", "usd", None, &[0.0, 0.5, 1.0]), series("c2", "n", Some("r"), &[0.0, 0.0, 2_000.0])];
        let drawing = Drawing::of(&chart("line", lines));
        assert_eq!(drawing.lines[0].points, "0.00,100.00 50.00,55.36 100.00,10.71");
        assert_eq!(drawing.lines[1].points, "0.00,100.00 50.00,100.00 100.00,31.03");
        let labels = |marks: &[Mark]| marks.iter().map(|mark| mark.label.clone()).collect::<Vec<_>>();
        assert_eq!(labels(&drawing.left), ["$0.00", "$0.5", "$1.00"]);
        assert_eq!(labels(&drawing.right), ["0", "1k", "2k"]);
        assert_eq!(labels(&drawing.times), ["08:00", "09:00", "10:00"]);
        assert_eq!((drawing.left[2].at, drawing.times[1].at), (10.71, 50.0));
    }

    #[test]
    fn one_point_and_no_figures_are_drawn_in_the_box() {
        let drawing = Drawing::of(&chart("line", vec![series("c1", "n", None, &[3.0])]));
        assert!(drawing.lines[0].points.starts_with("48,") && drawing.points.len() == 1);
        assert_eq!((drawing.points[0].x, drawing.points[0].width), (0.0, 100.0));
        for kind in ["stack", "line"] {
            let drawing = Drawing::of(&chart(kind, vec![series("c1", "n", None, &[0.0; 40])]));
            assert_eq!(drawing.left.iter().map(|mark| mark.label.as_str()).collect::<Vec<_>>(), ["0", "1"]);
            assert!(drawing.bars.is_empty() && drawing.times.len() <= MOST_TIMES);
            let nothing = Drawing::of(&chart(kind, vec![series("c1", "n", None, &[])]));
            assert!(nothing.bars.is_empty() && nothing.times.is_empty() && nothing.points.is_empty());
        }
    }

    #[test]
    fn figures_are_as_short_as_scripts_write_them() {
        for (fmt, figure, written) in [
            ("n", 0.0, "0"),
            ("n", 999.0, "999"),
            ("n", 1_250.0, "1.2k"),
            ("n", 2_000_000.0, "2M"),
            ("n", 3.4e9, "3.4B"),
            ("rate", 0.0, "0"),
            ("rate", 0.012_345, "0.0123"),
            ("rate", 12.0, "12"),
            ("rate", 123.4, "123"),
            ("rate", 4_321.0, "4.3k"),
            ("usd", 0.0, "$0.00"),
            ("usd", 0.000_123, "$0.00012"),
            ("usd", 0.5, "$0.5"),
            ("usd", 12.345, "$12.35"),
        ] {
            assert_eq!(short(fmt, figure), written, "{fmt} {figure}");
        }
    }
}
