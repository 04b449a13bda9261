#include "apps/charts/legend.h"

#include <algorithm>

namespace crosslaw::charts {
namespace {

constexpr double kRow = 17, kSample = 20, kGap = 14, kSize = 11;

struct Entry {
  enum class Kind { kLine, kBand, kMark, kWhisker };
  Kind kind;
  std::string name;
  Stroke stroke;
  double opacity = 1;
};

std::vector<Entry> entries(const Panel& panel) {
  std::vector<Entry> out;
  const auto add = [&](Entry entry) {
    const bool known = std::any_of(out.begin(), out.end(),
                                   [&](const Entry& each) { return each.name == entry.name; });
    if (!entry.name.empty() && !known) out.push_back(std::move(entry));
  };
  for (const Marks& each : panel.marks) {
    add({Entry::Kind::kMark,
         each.name,
         {each.colours.empty() || each.colours.size() > 1 ? "#ddd" : each.colours[0], 1},
         each.opacity});
  }
  for (const Line& each : panel.lines) {
    add({Entry::Kind::kLine, each.name, {each.colour, each.width, each.dash}});
  }
  for (const Band& each : panel.bands) {
    add({Entry::Kind::kBand, each.name, {each.colour, 1}, each.opacity});
  }
  for (const Whiskers& each : panel.whiskers) {
    add({each.width > 4 ? Entry::Kind::kBand : Entry::Kind::kWhisker,
         each.name,
         {each.colour, each.width},
         each.opacity});
  }
  return out;
}

double entry_width(const Entry& entry) {
  return kSample + 5 + text_width(entry.name, kSize) + kGap;
}

// Where each entry begins, relative to the legend's box.
std::vector<Spot> places(const std::vector<Entry>& all, double width) {
  std::vector<Spot> out;
  Spot at;
  for (const Entry& entry : all) {
    if (at.x > 0 && at.x + entry_width(entry) - kGap > width) at = {0, at.y + kRow};
    out.push_back(at);
    at.x += entry_width(entry);
  }
  return out;
}

void draw_sample(const Entry& entry, Spot at, Canvas& canvas) {
  const double middle = at.x + kSample / 2;
  switch (entry.kind) {
    case Entry::Kind::kLine:
      canvas.line({at.x, at.y}, {at.x + kSample, at.y}, entry.stroke);
      return;
    case Entry::Kind::kBand:
      canvas.polygon({{at.x, at.y - 5},
                      {at.x + kSample, at.y - 5},
                      {at.x + kSample, at.y + 5},
                      {at.x, at.y + 5}},
                     entry.stroke.colour, entry.opacity);
      return;
    case Entry::Kind::kMark:
      canvas.begin_marks(std::max(entry.opacity, 0.5));
      canvas.circle({middle, at.y}, 3.5, entry.stroke.colour);
      canvas.end_group();
      return;
    case Entry::Kind::kWhisker:
      canvas.line({middle, at.y - 5}, {middle, at.y + 5}, entry.stroke);
      for (const double y : {at.y - 5, at.y + 5}) {
        canvas.line({middle - 4, y}, {middle + 4, y}, entry.stroke);
      }
  }
}

}  // namespace

double legend_height(const Panel& panel, double width) {
  const std::vector<Spot> at = places(entries(panel), width);
  return at.empty() ? 0 : at.back().y + kRow;
}

void draw_legend(const Panel& panel, const Box& box, Canvas& canvas) {
  const std::vector<Entry> all = entries(panel);
  const std::vector<Spot> at = places(all, box.width);
  for (std::size_t i = 0; i < all.size(); ++i) {
    const Spot here{box.x + at[i].x, box.y + at[i].y + kRow / 2};
    draw_sample(all[i], here, canvas);
    canvas.text({here.x + kSample + 5, here.y + 4}, all[i].name, {kSize, colour::kInk});
  }
}

}  // namespace crosslaw::charts
