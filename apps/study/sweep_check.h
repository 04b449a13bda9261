#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace crosslaw::apps {

// Where database, run folders and plan of a sweep contradict each other.
struct Inconsistency {
  std::string what;  // with the number of runs and the first of them
  std::string mend;
  bool stops = false;    // results are wrong or missing until it is mended
  bool derived = false;  // repair_derived() makes it again
};

// Reads the database and looks at the folders of every attempt; opens no file of a run. A sweep
// that runs changes meanwhile: what its trainers have not told yet is no inconsistency.
std::vector<Inconsistency> check_sweep(const std::filesystem::path& folder);

// Makes again what is derived from the losses: the stored fits. Empty when they are stored, else
// why not.
std::string repair_derived(const std::filesystem::path& folder);

}  // namespace crosslaw::apps
