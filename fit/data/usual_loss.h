#pragma once

#include <optional>
#include <string>

#include "fit/data/points.h"
#include "fit/data/units.h"

namespace crosslaw::fit {

// Losses, in nats by this unit, that are far from what models of these sizes lose: the sentence
// that says so, and the flag that settles it. `column` names them.
std::optional<std::string> unusual_losses(const Points& points, LossUnit unit,
                                          const std::string& column);

}  // namespace crosslaw::fit
