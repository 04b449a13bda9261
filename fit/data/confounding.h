#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "fit/data/points.h"
#include "fit/data/record_table.h"

// Designs in which one column follows another: no law can tell then what is whose doing.
namespace crosslaw::fit {

// log y as a function of log x, where the points leave no other reading.
struct Ray {
  double slope = 0;      // of the straight line through the middle of the points
  double intercept = 0;  // log y there at log x = 0
  double spread = 0;     // standard deviation of log y given log x
  int sizes = 0;         // distinct x
};

// The ray on which the points lie; empty: y varies for itself. Two designs have one: those whose
// log y given log x spreads by less than 10 %, and those with one y for each x (within 10 %) that
// follows x, R^2 > 0.9, to within 30 %: a budget a size. Columns that hardly vary have none.
std::optional<Ray> ray_of(std::span<const double> log_x, std::span<const double> log_y);

// The evidence and what it means for a forecast, to stand behind the naming of a ray: "... (log D
// given log N spreads by 0.02 ...): exponents are not separable, a forecast holds along this ray
// only".
std::string describe(const Ray& ray, const char* x, const char* y);

// A sentence for each column of token counts besides D (such as what a source model had seen) that
// follows N in the rows behind the points: the exponents of N hold its effect as well.
std::vector<std::string> tokens_that_follow(const Records& records,
                                            const std::vector<std::size_t>& rows,
                                            const Points& points);

}  // namespace crosslaw::fit
