#pragma once

#include <filesystem>

#include "apps/commands/diagnosis.h"

namespace crosslaw::apps {

// Everything about a spec that can be told before it is run: whether it can be read and planned,
// its text and tokenizer, memory, disk, GPUs and the back end that starts runs. `folder`: the
// sweep's; empty: sweeps/NAME.
void examine_spec(Diagnosis& diagnosis, const std::filesystem::path& spec_file,
                  std::filesystem::path folder);

// Bytes of memory that this machine has free.
double available_memory_bytes();

}  // namespace crosslaw::apps
