#pragma once

#include "apps/commands/design_command.h"

namespace crosslaw::apps {

// Throws std::invalid_argument where crosslaw design is told too little or too much about which
// runs and which law, and for percentages, ratios and counts out of their bounds.
void check_design_options(const DesignOptions& options);

}  // namespace crosslaw::apps
