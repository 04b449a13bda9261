#include "apps/terminal/progress_file.h"

#include <fmt/format.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "apps/terminal/quantities.h"
#include "db/files/atomic_file.h"
#include "db/files/printable.h"

namespace crosslaw::apps {
namespace {

std::filesystem::path file_of(const std::filesystem::path& folder) {
  return folder / "progress.json";
}

}  // namespace

void write_progress(const std::filesystem::path& folder, const sweep::Progress& progress,
                    const std::string& doing) {
  const bool known = progress.measured && progress.remaining_seconds && doing.empty();
  const nlohmann::ordered_json json = {
      {"schema", 1},
      {"share", progress.share},
      {"elapsed_seconds", progress.elapsed_seconds},
      {"remaining_seconds", known ? nlohmann::ordered_json(*progress.remaining_seconds)
                                  : nlohmann::ordered_json(nullptr)},
      {"flops_per_second", progress.flops_per_second},
      {"doing", doing}};
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
  if (json.contains("doing") && json["doing"].is_string()) out.doing = json["doing"];
  if (json.contains("remaining_seconds") && json["remaining_seconds"].is_number())
    out.remaining_seconds = json["remaining_seconds"].get<double>();
  return out;
}

void forget_progress(const std::filesystem::path& folder) {
  std::error_code ignored;
  std::filesystem::remove(file_of(folder), ignored);
}

std::string describe(const ProgressNote& note, std::pair<double, double> range) {
  if (!note.doing.empty())
    return fmt::format("all runs have ended, after {}; {}", format_seconds(note.elapsed_seconds),
                       db::printable(note.doing));
  std::string out =
      fmt::format("{:.0f} % of the work, {} so far at {} FLOP/s", std::floor(100 * note.share),
                  format_seconds(note.elapsed_seconds), format_flops(note.flops_per_second));
  if (note.remaining_seconds)
    out += fmt::format(", about {} left ({} to {})", format_seconds(*note.remaining_seconds),
                       format_seconds(*note.remaining_seconds * range.first),
                       format_seconds(*note.remaining_seconds * range.second));
  return out;
}

}  // namespace crosslaw::apps
