#include "sweep/spec/gpu_file.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "sweep/spec/spec_error.h"
#include "sweep/spec/toml_section.h"

namespace crosslaw::sweep {
namespace {

double positive_rate(TomlSection& section, const std::string& key) {
  const double value = section.number(key);
  if (!(value > 0) || !std::isfinite(value))
    section.fail(key, fmt::format("must be positive, found {}", value));
  return value;
}

GpuKind read_kind(const std::string& name, TomlSection& section) {
  GpuKind kind;
  kind.name = name;
  kind.title = section.text("title", name);
  kind.speed.matrix_flops = positive_rate(section, "bf16_flops");
  kind.memory_bytes = positive_rate(section, "memory_bytes");
  kind.speed.memory_bytes_a_second = positive_rate(section, "memory_bytes_a_second");
  kind.speed.link_bytes_a_second = positive_rate(section, "link_bytes_a_second");
  kind.network_bytes_a_second = positive_rate(section, "network_bytes_a_second");
  kind.gpus_a_node = section.integer("gpus_a_node");
  if (kind.gpus_a_node < 1)
    section.fail("gpus_a_node", fmt::format("must be at least 1, found {}", kind.gpus_a_node));
  kind.dollars_an_hour = section.number("dollars_an_hour", 0);
  if (!(kind.dollars_an_hour >= 0) || !std::isfinite(kind.dollars_an_hour))
    section.fail("dollars_an_hour",
                 fmt::format("must not be negative, found {}", kind.dollars_an_hour));
  kind.source = section.text("source", "");
  kind.price_source = section.text("price_source", "");
  kind.price_date = section.text("price_date", "");
  section.finish();
  return kind;
}

}  // namespace

std::vector<GpuKind> read_gpu_file(const std::filesystem::path& file) {
  if (!std::filesystem::is_regular_file(file))
    throw SpecError(
        fmt::format("{}: there is no such file of GPUs; --gpus-file names one like "
                    "sweep/presets/gpus.toml",
                    file.string()));
  const toml::table table = parse_toml(file);
  TomlSection root(table, "", file);
  std::vector<GpuKind> kinds;
  TomlSection gpus = root.section("gpu");
  for (auto& [name, section] : gpus.each()) kinds.push_back(read_kind(name, section));
  root.finish();
  return kinds;
}

const GpuKind& gpu_kind(const std::vector<GpuKind>& kinds, const std::string& name,
                        const std::filesystem::path& file) {
  const auto found = std::find_if(kinds.begin(), kinds.end(),
                                  [&](const GpuKind& kind) { return kind.name == name; });
  if (found != kinds.end()) return *found;
  std::vector<std::string> names;
  for (const GpuKind& kind : kinds) names.push_back(kind.name);
  throw std::invalid_argument(
      fmt::format("--gpu {}: {} has {}; --gpus-file names a file with others", name, file.string(),
                  fmt::join(names, ", ")));
}

}  // namespace crosslaw::sweep
