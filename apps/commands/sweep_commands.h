#pragma once

#include <iosfwd>

#include "apps/commands/allocate_command.h"
#include "apps/commands/fit_command.h"

namespace crosslaw::apps {

// The DIR forms of fit and allocate: the same outputs, from a sweep's own runs.

// Fits every language of a sweep. With the settings that crosslaw run uses the fits are stored,
// unless somebody is running the sweep; otherwise they are only printed, and that is said.
int run_fit_of_sweep(const FitCommandOptions& options, std::ostream& out, std::ostream& log);

// Allocates by the stored fits of a sweep, over its own ladder; without budgets, over those from
// inside the measured compute to one decade beyond.
int run_allocate_of_sweep(const AllocateCommandOptions& options, std::ostream& out,
                          std::ostream& log);

}  // namespace crosslaw::apps
