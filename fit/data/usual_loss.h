#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "fit/data/points.h"
#include "fit/data/units.h"

namespace crosslaw::fit {

// Losses, in nats by this unit, that are far from what models of these sizes lose: the sentence
// that says so, and the flag that settles it. `column` names them.
std::optional<std::string> unusual_losses(const Points& points, LossUnit unit,
                                          const std::string& column);

// "loss x100", "loss (x1e-3)": what such numbers must be multiplied by to be losses, by the number
// in the name or its inverse, of a median too high for nats. Absent: no such number makes them so.
std::optional<double> factor_in_name(std::string_view column, double median);

}  // namespace crosslaw::fit
