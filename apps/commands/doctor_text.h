#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "apps/commands/diagnosis.h"
#include "sweep/estimate/sweep_estimate.h"
#include "sweep/spec/spec.h"

namespace crosslaw::apps {

// What crosslaw run would find out about a spec's text, tokenizer and start models before it
// trains: whether they are there and enough, and by the same preparation whatever it refuses. Of
// much text only what samples tell. `folder`: the sweep's, where nothing is written.
void examine_text(Diagnosis& diagnosis, const sweep::SweepSpec& spec,
                  const std::filesystem::path& folder,
                  const std::map<std::string, sweep::TextNeed>& needs);

}  // namespace crosslaw::apps
