#include "apps/commands/diagnosis.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace crosslaw::apps {
namespace {

constexpr std::size_t kMendColumns = 6;  // a mend stands below its finding

const char* word_of(Diagnosis::Level level) {
  return level == Diagnosis::Level::kOk ? "ok" : level == Diagnosis::Level::kWarn ? "warn" : "STOP";
}

}  // namespace

int Diagnosis::exit_code() const {
  return std::any_of(findings_.begin(), findings_.end(),
                     [](const Finding& each) { return each.level == Level::kStop; })
             ? 1
             : 0;
}

std::string Diagnosis::text() const {
  std::string text;
  for (const Finding& each : findings_) {
    text += fmt::format("{:<{}}{}\n", word_of(each.level), kMendColumns, each.what);
    if (!each.mend.empty()) text += fmt::format("{:{}}{}\n", "", kMendColumns, each.mend);
  }
  return text;
}

std::string Diagnosis::json() const {
  nlohmann::json findings = nlohmann::json::array();
  for (const Finding& each : findings_) {
    findings.push_back({{"level", each.level == Level::kStop ? "stop" : word_of(each.level)},
                        {"what", each.what},
                        {"mend", each.mend}});
  }
  return nlohmann::json{{"schema", 1}, {"stops", exit_code() == 1}, {"findings", findings}}.dump() +
         "\n";
}

}  // namespace crosslaw::apps
