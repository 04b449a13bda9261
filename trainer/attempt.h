#pragma once

#include <filesystem>

namespace crosslaw::trainer {

// One attempt of one run, as its config.json says: trains, reports through files beside the config
// and returns the exit code (run_files.h). Whatever goes wrong is said on standard error.
int run_attempt(const std::filesystem::path& config_file);

}  // namespace crosslaw::trainer
