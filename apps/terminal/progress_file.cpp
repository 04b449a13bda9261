#include "apps/terminal/progress_file.h"

#include <fstream>
#include <nlohmann/json.hpp>

#include "db/files/atomic_file.h"

namespace crosslaw::apps {
namespace {

std::filesystem::path file_of(const std::filesystem::path& folder) {
  return folder / "progress.json";
}

}  // namespace

void write_progress(const std::filesystem::path& folder, const sweep::Progress& progress) {
  const bool known = progress.measured && progress.remaining_seconds;
  const nlohmann::ordered_json json = {
      {"schema", 1},
      {"share", progress.share},
      {"elapsed_seconds", progress.elapsed_seconds},
      {"remaining_seconds", known ? nlohmann::ordered_json(*progress.remaining_seconds)
                                  : nlohmann::ordered_json(nullptr)},
      {"flops_per_second", progress.flops_per_second}};
  db::publish_file(file_of(folder), json.dump() + "\n");
}

std::optional<ProgressNote> read_progress(const std::filesystem::path& folder) {
  std::ifstream input(file_of(folder));
  const nlohmann::json json = nlohmann::json::parse(input, nullptr, false);
  if (!json.is_object() || json.value("schema", 0) != 1) return std::nullopt;
  ProgressNote out;
  out.share = json.value("share", 0.0);
  out.elapsed_seconds = json.value("elapsed_seconds", 0.0);
  out.flops_per_second = json.value("flops_per_second", 0.0);
  if (json.contains("remaining_seconds") && json["remaining_seconds"].is_number())
    out.remaining_seconds = json["remaining_seconds"].get<double>();
  return out;
}

}  // namespace crosslaw::apps
