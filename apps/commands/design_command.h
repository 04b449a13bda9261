#pragma once

#include <iosfwd>

#include "apps/commands/design_options.h"

namespace crosslaw::apps {

// Throws std::invalid_argument for bad input, before anything is on `out`.
int run_design(const DesignOptions& options, std::ostream& out, std::ostream& log);

}  // namespace crosslaw::apps
