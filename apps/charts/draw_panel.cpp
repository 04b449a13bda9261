#include "apps/charts/panel.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "apps/charts/labels.h"
#include "apps/charts/legend.h"

namespace crosslaw::charts {
namespace {

constexpr double kLeft = 66, kRight = 22, kTop = 50, kBottom = 50, kBarRoom = 62;
constexpr double kTitleRoom = 26;  // left of the labels of the y axis
constexpr int kMostTicks = 7;
constexpr std::size_t kTitleCharacters = 60;

// A panel's axes on the page.
struct Frame {
  const Panel& panel;
  Box plot;

  Spot operator()(Spot at) const {
    return {plot.x + fraction(panel.x, at.x) * plot.width,
            plot.y + (1 - fraction(panel.y, at.y)) * plot.height};
  }
  std::vector<Spot> operator()(const std::vector<Spot>& spots) const {
    std::vector<Spot> out;
    out.reserve(spots.size());
    for (const Spot& spot : spots) out.push_back((*this)(spot));
    return out;
  }
};

void draw_shades(const Frame& frame, Canvas& canvas) {
  for (const Shade& shade : frame.panel.shades) {
    const double from = std::clamp(fraction(frame.panel.x, shade.x.low), 0.0, 1.0);
    const double to = std::clamp(fraction(frame.panel.x, shade.x.high), 0.0, 1.0);
    canvas.rectangle({frame.plot.x + from * frame.plot.width, frame.plot.y,
                      (to - from) * frame.plot.width, frame.plot.height},
                     colour::kShade);
  }
}

void draw_grid(const Frame& frame, Canvas& canvas) {
  const Stroke stroke{colour::kGrid, 1};
  const Box& plot = frame.plot;
  for (const Tick& tick : ticks(frame.panel.x, kMostTicks)) {
    if (tick.label.empty()) continue;
    const double x = plot.x + fraction(frame.panel.x, tick.value) * plot.width;
    canvas.line({x, plot.y}, {x, plot.y + plot.height}, stroke);
  }
  for (const Tick& tick : ticks(frame.panel.y, kMostTicks)) {
    if (tick.label.empty()) continue;
    const double y = plot.y + (1 - fraction(frame.panel.y, tick.value)) * plot.height;
    canvas.line({plot.x, y}, {plot.x + plot.width, y}, stroke);
  }
}

void draw_x_axis(const Frame& frame, Canvas& canvas) {
  const Stroke stroke{colour::kMuted, 1};
  const double base = frame.plot.y + frame.plot.height;
  double free_from = -1e9;
  for (const Tick& tick : ticks(frame.panel.x, kMostTicks)) {
    const double x = frame.plot.x + fraction(frame.panel.x, tick.value) * frame.plot.width;
    canvas.line({x, base}, {x, base + (tick.label.empty() ? 3 : 5)}, stroke);
    const double half = text_width(tick.label, 11) / 2;
    // Labels that would touch are left out, their ticks stay.
    if (tick.label.empty() || x - half < free_from) continue;
    canvas.text({x, base + 18}, tick.label, {11, colour::kInk, Anchor::kMiddle});
    free_from = x + half + 3;
  }
  canvas.text({frame.plot.x + frame.plot.width / 2, base + 38},
              shortened(frame.panel.x.title, kTitleCharacters),
              {12, colour::kInk, Anchor::kMiddle});
}

double widest_label(const Axis& axis) {
  double out = 0;
  for (const Tick& tick : ticks(axis, kMostTicks)) {
    out = std::max(out, text_width(tick.label, 11));
  }
  return out;
}

void draw_y_axis(const Frame& frame, Canvas& canvas) {
  const Stroke stroke{colour::kMuted, 1};
  for (const Tick& tick : ticks(frame.panel.y, kMostTicks)) {
    const double y = frame.plot.y + (1 - fraction(frame.panel.y, tick.value)) * frame.plot.height;
    canvas.line({frame.plot.x - (tick.label.empty() ? 3 : 5), y}, {frame.plot.x, y}, stroke);
    canvas.text({frame.plot.x - 8, y + 4}, tick.label, {11, colour::kInk, Anchor::kEnd});
  }
  TextStyle style{12, colour::kInk, Anchor::kMiddle};
  style.angle = -90;
  const double beside = std::max(kLeft, widest_label(frame.panel.y) + kTitleRoom) - 14;
  canvas.text({frame.plot.x - beside, frame.plot.y + frame.plot.height / 2},
              shortened(frame.panel.y.title, kTitleCharacters - 15), style);
}

void draw_guides(const Frame& frame, Canvas& canvas) {
  const Box& plot = frame.plot;
  for (const Guide& guide : frame.panel.guides) {
    const Stroke stroke{colour::kMuted, 1.2, guide.dash};
    if (guide.axis == Guide::Along::kX) {
      const double x = plot.x + fraction(frame.panel.x, guide.value) * plot.width;
      canvas.line({x, plot.y}, {x, plot.y + plot.height}, stroke);
    } else {
      const double y = plot.y + (1 - fraction(frame.panel.y, guide.value)) * plot.height;
      canvas.line({plot.x, y}, {plot.x + plot.width, y}, stroke);
    }
  }
}

void draw_whiskers(const Frame& frame, Canvas& canvas) {
  for (const Whiskers& each : frame.panel.whiskers) {
    for (const Whiskers::Bar& bar : each.bars) {
      const Spot low = frame({bar.x, bar.range.low});
      const Spot high = frame({bar.x, bar.range.high});
      // Wide ones are bars with a meaning of their own (loss within x %), thin ones intervals.
      const double half = each.width > 4 ? each.width / 2 : 0;
      if (half > 0) {
        canvas.polygon({{low.x - half, low.y},
                        {low.x + half, low.y},
                        {high.x + half, high.y},
                        {high.x - half, high.y}},
                       each.colour, each.opacity);
        continue;
      }
      const Stroke stroke{each.colour, each.width};
      canvas.line(low, high, stroke);
      for (const Spot& end : {low, high}) {
        canvas.line({end.x - 4, end.y}, {end.x + 4, end.y}, stroke);
      }
    }
  }
}

void draw_marks(const Frame& frame, bool beneath, Canvas& canvas) {
  for (const Marks& marks : frame.panel.marks) {
    if (marks.beneath != beneath) continue;
    canvas.begin_marks(marks.opacity);
    for (std::size_t i = 0; i < marks.at.size(); ++i) {
      canvas.circle(frame(marks.at[i]), marks.radius,
                    marks.colours.size() == 1 ? marks.colours[0] : marks.colours[i],
                    marks.titles.empty() ? "" : marks.titles[i]);
    }
    canvas.end_group();
  }
}

void draw_data(const Frame& frame, const std::string& id, Canvas& canvas) {
  // A mark on the edge shows whole.
  const Box& plot = frame.plot;
  canvas.begin_clip({plot.x - 1, plot.y - 1, plot.width + 2, plot.height + 2}, id);
  for (const Band& band : frame.panel.bands) {
    canvas.polygon(frame(band.edge), band.colour, band.opacity);
  }
  for (const Contour& contour : frame.panel.contours) {
    for (const std::vector<Spot>& line : contour.lines) {
      canvas.polyline(frame(line), {colour::kContour, 1});
    }
  }
  draw_guides(frame, canvas);
  draw_marks(frame, true, canvas);
  draw_whiskers(frame, canvas);
  for (const Line& line : frame.panel.lines) {
    canvas.polyline(frame(line.at), {line.colour, line.width, line.dash});
  }
  draw_marks(frame, false, canvas);
  canvas.end_group();
}

void label_guide(const Frame& frame, const Guide& guide, LabelRoom& room, Canvas& canvas) {
  const Box& plot = frame.plot;
  TextStyle style{10.5, colour::kMuted, Anchor::kStart};
  style.halo = true;
  const double width = text_width(guide.label, style.size);
  if (guide.axis == Guide::Along::kY) {
    const double y = plot.y + (1 - fraction(frame.panel.y, guide.value)) * plot.height;
    std::vector<Spot> candidates;
    for (const double x : {plot.x + plot.width - 5 - width, plot.x + 5}) {
      candidates.insert(candidates.end(), {{x, y - 5}, {x, y + 13}});
    }
    room.place_clear(candidates, guide.label, style, canvas);
  } else {
    const double x = plot.x + fraction(frame.panel.x, guide.value) * plot.width;
    const double top = plot.y + 14;
    room.place({{x + 5, top}, {x - 5 - width, top}, {x + 5, top + 16}, {x - 5 - width, top + 16}},
               guide.label, style, canvas);
  }
}

void label_shade(const Frame& frame, const Shade& shade, LabelRoom& room, Canvas& canvas) {
  const Box& plot = frame.plot;
  const double from = std::clamp(fraction(frame.panel.x, shade.x.low), 0.0, 1.0);
  const double to = std::clamp(fraction(frame.panel.x, shade.x.high), 0.0, 1.0);
  const double middle = plot.x + 0.5 * (from + to) * plot.width;
  const TextStyle style{10.5, colour::kMuted, Anchor::kMiddle};
  if (text_width(shade.label, style.size) > (to - from) * plot.width) return;
  room.place_clear({{middle, plot.y + plot.height - 7}, {middle, plot.y + 14}}, shade.label, style,
                   canvas);
}

void label_contours(const Frame& frame, LabelRoom& room, Canvas& canvas) {
  TextStyle style{10.5, colour::kMuted, Anchor::kMiddle};
  style.plate = true;
  for (const Contour& contour : frame.panel.contours) {
    std::vector<Spot> candidates;
    for (const std::vector<Spot>& line : contour.lines) {
      for (const Spot& spot : frame(line)) candidates.push_back({spot.x, spot.y + 4});
    }
    room.place_clear(candidates, contour.label, style, canvas);
  }
}

void label_remarks(const Frame& frame, LabelRoom& room, Canvas& canvas) {
  TextStyle style{10.5, colour::kInk, Anchor::kStart};
  style.halo = true;
  for (const Remark& remark : frame.panel.remarks) {
    const Spot at = frame(remark.at);
    const double before = at.x - 7 - text_width(remark.text, style.size);
    room.place(
        {{at.x + 7, at.y + 12}, {before, at.y - 5}, {at.x + 7, at.y - 5}, {before, at.y + 12}},
        remark.text, style, canvas);
  }
}

void draw_colour_bar(const ColourBar& bar, const Box& plot, Canvas& canvas) {
  constexpr int kSteps = 40;
  const double x = plot.x + plot.width + 14;
  const double height = plot.height * 0.6;
  const double top = plot.y + (plot.height - height) / 2;
  for (int i = 0; i < kSteps; ++i) {
    const double share = 1 - 2 * (i + 0.5) / kSteps;
    canvas.rectangle({x, top + i * height / kSteps, 10, height / kSteps + 0.5},
                     residual_colour(share));
  }
  for (const double share : {-1.0, 0.0, 1.0}) {
    const double y = top + (1 - share) / 2 * height;
    canvas.line({x + 10, y}, {x + 14, y}, {colour::kMuted, 1});
    canvas.text({x + 16, y + 4},
                share == 0 ? "0" : fmt::format("{:+.3g} {}", share * bar.limit, bar.unit),
                {10.5, colour::kInk});
  }
  canvas.text({x, top - 12}, bar.title, {10.5, colour::kMuted});
}

void label_data(const Frame& frame, Canvas& canvas) {
  std::vector<Spot> marks;
  for (const Marks& each : frame.panel.marks) {
    const std::vector<Spot> at = frame(each.at);
    marks.insert(marks.end(), at.begin(), at.end());
  }
  LabelRoom room(frame.plot, std::move(marks));
  label_remarks(frame, room, canvas);
  for (const Guide& guide : frame.panel.guides) label_guide(frame, guide, room, canvas);
  for (const Shade& shade : frame.panel.shades) label_shade(frame, shade, room, canvas);
  label_contours(frame, room, canvas);
}

}  // namespace

std::string residual_colour(double share) {
  constexpr std::array<double, 3> kLow = {0, 90, 170}, kMiddle = {238, 238, 238},
                                  kHigh = {213, 94, 0};
  const double size = std::isfinite(share) ? std::clamp(std::abs(share), 0.0, 1.0) : 0;
  const std::array<double, 3>& end = share < 0 ? kLow : kHigh;
  std::array<int, 3> mixed{};
  for (std::size_t i = 0; i < 3; ++i) {
    mixed[i] = static_cast<int>(std::lround(kMiddle[i] + size * (end[i] - kMiddle[i])));
  }
  return fmt::format("#{:02x}{:02x}{:02x}", mixed[0], mixed[1], mixed[2]);
}

void draw_panel(const Panel& panel, const Box& box, const std::string& id, Canvas& canvas) {
  const double right = panel.colour_bar ? kRight + kBarRoom : kRight;
  const double left = std::max(kLeft, widest_label(panel.y) + kTitleRoom);
  const double width = box.width - left - right;
  const double legend = legend_height(panel, width);
  const Frame frame{
      panel, {box.x + left, box.y + kTop + legend, width, box.height - kTop - kBottom - legend}};
  canvas.text({frame.plot.x, box.y + 20}, shortened(panel.title, kTitleCharacters),
              {13.5, colour::kInk, Anchor::kStart, true});
  canvas.text({frame.plot.x, box.y + 37}, shortened(panel.note, kTitleCharacters + 15),
              {11, colour::kMuted});
  // From here on what comes later lies above: shades, grid, data, frame, axes, words.
  draw_legend(panel, {frame.plot.x, box.y + kTop - 6, width, legend}, canvas);
  draw_shades(frame, canvas);
  draw_grid(frame, canvas);
  draw_data(frame, id, canvas);
  const Stroke border{colour::kMuted, 1};
  canvas.rectangle(frame.plot, "none", &border);
  draw_x_axis(frame, canvas);
  draw_y_axis(frame, canvas);
  label_data(frame, canvas);
  if (panel.colour_bar) draw_colour_bar(*panel.colour_bar, frame.plot, canvas);
}

}  // namespace crosslaw::charts
