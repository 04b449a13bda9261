#pragma once

#include <string>
#include <vector>

namespace crosslaw::charts {

enum class Scale { kLinear, kLog };

// How an axis writes its numbers.
enum class Numbers {
  kPlain,  // 0.25
  kCount,  // 30M, 1B, 2T
  kPower,  // 1e21
};

// A labelled mark on an axis; an empty label is a minor mark.
struct Tick {
  double value = 0;
  std::string label;
};

// One axis of a panel. low < high, both finite; above 0 on a log scale.
struct Axis {
  std::string title;
  Scale scale = Scale::kLinear;
  Numbers numbers = Numbers::kPlain;
  double low = 0;
  double high = 1;
  std::vector<Tick> named = {};  // its marks, where these are names and no numbers
};

// An axis that holds every finite value (on a log scale: every value above 0) with `margin` of its
// length to spare on either side. A single value gets room around it; without values the axis is
// [0, 1], or [1, 10] on a log scale.
Axis axis_over(std::string title, Scale scale, Numbers numbers, const std::vector<double>& values,
               double margin = 0.05);

// Where a value lies: 0 at the low end, 1 at the high end; NaN for what a log scale cannot show.
double fraction(const Axis& axis, double value);
// The inverse: the value at a fraction.
double value_at(const Axis& axis, double fraction);

// Marks inside the axis in ascending order, at most `most` of them labelled. Linear: steps of 1, 2
// or 5 times a power of ten. Log: whole decades, with 2 and 5 or more where there is room, fewer
// where decades are many; less than two such marks: as on a linear axis.
std::vector<Tick> ticks(const Axis& axis, int most);

// Round numbers in [low, high], about `count` of them, and the decimals they need.
struct RoundNumbers {
  std::vector<double> values;
  int decimals = 0;
};
RoundNumbers round_numbers(double low, double high, int count);

// A value as an axis or a sentence writes it: 30M, 1.5e21, 0.25, 12345; four digits of what is not
// whole.
std::string written(double value, Numbers numbers);

}  // namespace crosslaw::charts
