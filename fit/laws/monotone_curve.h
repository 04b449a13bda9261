#pragma once

#include <optional>
#include <vector>

namespace crosslaw::fit {

// A smooth curve through points that rises and falls only where they do: cubic pieces with slopes
// of neighbouring chords (Fritsch and Butland 1984). Beyond the ends it goes on straight.
class MonotoneCurve {
 public:
  // Points in any order; those of equal x are averaged. Throws std::invalid_argument for none, or
  // for x and y of unlike number.
  MonotoneCurve(std::vector<double> x, std::vector<double> y);

  double at(double x) const;
  // On the straight line between the points beside x; beyond the ends as at().
  double chord(double x) const;
  double first() const { return x_.front(); }
  double last() const { return x_.back(); }

  // The x at which a falling curve reaches y, the first of several; beyond the ends along the end
  // slopes. Empty where no such x is: the curve does not fall there, or has one point.
  std::optional<double> reaches(double y) const;

 private:
  std::size_t next_after(double x) const;  // of the points, the first beyond x

  std::vector<double> x_, y_, slope_;
};

// The nearest values that never rise (least squares; Barlow et al. 1972, pool adjacent violators):
// what a noisy loss does as tokens grow.
std::vector<double> falling(const std::vector<double>& values);

}  // namespace crosslaw::fit
