#include "apps/charts/labels.h"

#include <algorithm>
#include <cmath>

namespace crosslaw::charts {
namespace {

constexpr double kClear = 30;                // pixels to the next mark that are as good as any more
constexpr std::size_t kMarksToAvoid = 2000;  // of many marks, an even choice

}  // namespace

bool overlap(const Box& a, const Box& b) {
  return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
}

Box text_box(Spot at, std::string_view text, const TextStyle& style) {
  const double width = text_width(text, style.size);
  const double left = style.anchor == Anchor::kStart    ? at.x
                      : style.anchor == Anchor::kMiddle ? at.x - width / 2
                                                        : at.x - width;
  return {left - 2, at.y - style.size, width + 4, style.size + 4};
}

LabelRoom::LabelRoom(const Box& frame, std::vector<Spot> marks) : frame_(frame) {
  const std::size_t stride = marks.size() / kMarksToAvoid + 1;
  for (std::size_t i = 0; i < marks.size(); i += stride) marks_.push_back(marks[i]);
}

bool LabelRoom::place(const std::vector<Spot>& candidates, std::string_view text,
                      const TextStyle& style, Canvas& canvas) {
  if (text.empty()) return false;
  for (const Spot& at : candidates) {
    const Box box = text_box(at, text, style);
    if (!is_free(box)) continue;
    canvas.text(at, text, style);
    taken_.push_back(box);
    return true;
  }
  return false;
}

bool LabelRoom::place_clear(const std::vector<Spot>& candidates, std::string_view text,
                            const TextStyle& style, Canvas& canvas) {
  if (text.empty()) return false;
  double best = -1;
  Spot chosen;
  for (const Spot& at : candidates) {
    const Box box = text_box(at, text, style);
    if (!is_free(box)) continue;
    const double distance = distance_to_marks(box);
    // The first of equally clear places is the preferred one.
    if (distance <= best) continue;
    best = distance;
    chosen = at;
  }
  return best >= 0 && place({chosen}, text, style, canvas);
}

bool LabelRoom::is_free(const Box& box) const {
  const bool inside = box.x >= frame_.x && box.x + box.width <= frame_.x + frame_.width &&
                      box.y >= frame_.y && box.y + box.height <= frame_.y + frame_.height;
  return inside && std::none_of(taken_.begin(), taken_.end(),
                                [&](const Box& each) { return overlap(each, box); });
}

double LabelRoom::distance_to_marks(const Box& box) const {
  double nearest = kClear;
  for (const Spot& mark : marks_) {
    const double dx = std::max({box.x - mark.x, 0.0, mark.x - box.x - box.width});
    const double dy = std::max({box.y - mark.y, 0.0, mark.y - box.y - box.height});
    nearest = std::min(nearest, std::hypot(dx, dy));
  }
  return nearest;
}

}  // namespace crosslaw::charts
