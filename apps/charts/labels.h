#pragma once

#include <vector>

#include "apps/charts/svg.h"

namespace crosslaw::charts {

bool overlap(const Box& a, const Box& b);

// What a text covers when drawn at a place, with a little room around it.
Box text_box(Spot at, std::string_view text, const TextStyle& style);

// The part of a drawing in which labels are placed: inside `frame`, not on each other, and away
// from the marks where there is a choice.
class LabelRoom {
 public:
  LabelRoom(const Box& frame, std::vector<Spot> marks);

  // Draws the text at the first candidate that is free; false when none is.
  bool place(const std::vector<Spot>& candidates, std::string_view text, const TextStyle& style,
             Canvas& canvas);
  // Draws the text at the free candidate farthest from the marks.
  bool place_clear(const std::vector<Spot>& candidates, std::string_view text,
                   const TextStyle& style, Canvas& canvas);
  // Keeps labels out of a box.
  void block(const Box& box) { taken_.push_back(box); }

 private:
  bool is_free(const Box& box) const;
  double distance_to_marks(const Box& box) const;

  Box frame_;
  std::vector<Spot> marks_;
  std::vector<Box> taken_;
};

}  // namespace crosslaw::charts
