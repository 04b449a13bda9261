#pragma once

#include "sweep/spec/launch_spec.h"
#include "sweep/spec/toml_section.h"

namespace crosslaw::sweep {

// Throws SpecError for what no back end can do.
void read_launch(TomlSection section, LaunchSpec& launch);

// The same section with every default written out.
toml::table launch_table(const LaunchSpec& launch);

}  // namespace crosslaw::sweep
