#pragma once

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sweep/estimate/failures.h"
#include "sweep/estimate/sweep_estimate.h"
#include "sweep/plan/base_cost.h"

namespace crosslaw::apps {

// Everything that crosslaw plan shows.
struct PlanSheet {
  sweep::SweepSpec spec;
  sweep::Plan plan;
  std::optional<sweep::BaseCost> bases;  // what base budgets add
  sweep::Machine machine;
  std::string price_note;  // where the price comes from
  std::string speed_note;  // and the speed
  sweep::SweepEstimate estimate;
  std::vector<sweep::WiderRuns> wider;
  std::optional<sweep::FailureForecast> failures;
  sweep::FailureOptions failure_options;
  std::filesystem::path files_folder;  // that will hold the checkpoints, or the one above it
  double free_disk_bytes = 0;
  std::map<std::string, std::string> outcomes;  // of runs in --dir, by name
};

// One run's columns, as --json and --csv have them.
using PlanFields = std::vector<std::pair<std::string, nlohmann::json>>;
PlanFields plan_fields(const PlanSheet& sheet, std::size_t run);

nlohmann::json plan_json(const PlanSheet& sheet);
std::string plan_csv(const PlanSheet& sheet);
std::string plan_text(const PlanSheet& sheet, bool wide);

}  // namespace crosslaw::apps
