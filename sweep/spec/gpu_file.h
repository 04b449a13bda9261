#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "trainer/recipe/step_time_model.h"

namespace crosslaw::sweep {

// A kind of GPU as a plan reckons with it.
struct GpuKind {
  std::string name;   // h100
  std::string title;  // H100 SXM 80 GB
  trainer::GpuSpeed speed;
  double network_bytes_a_second = 0;  // to a GPU of another node, one direction
  double memory_bytes = 0;
  int64_t gpus_a_node = 8;
  double dollars_an_hour = 0;  // of one GPU; 0: not known
  std::string source, price_source, price_date;
};

// A file like sweep/presets/gpus.toml. Throws SpecError naming file, line and key.
std::vector<GpuKind> read_gpu_file(const std::filesystem::path& file);

// The one of this name. Throws std::invalid_argument that lists those that are there.
const GpuKind& gpu_kind(const std::vector<GpuKind>& kinds, const std::string& name,
                        const std::filesystem::path& file);

}  // namespace crosslaw::sweep
