#include "apps/commands/plan_report.h"

#include <algorithm>
#include <cmath>

#include "fit/write/table.h"

namespace crosslaw::apps {
namespace {

constexpr double kSecondsAnHour = 3600;

nlohmann::json name_or_null(const sweep::Plan& plan,
                            const std::optional<sweep::StartPoint>& start) {
  return start ? nlohmann::json(plan.runs[start->run].name) : nlohmann::json(nullptr);
}

template <typename Value>
nlohmann::json value_or_null(const std::optional<Value>& value) {
  return value ? nlohmann::json(*value) : nlohmann::json(nullptr);
}

// JSON has no infinity, and 0 would be a claim: what is unknown is null.
nlohmann::json number_or_nothing(double value, bool known) {
  return known && std::isfinite(value) ? nlohmann::json(value) : nlohmann::json(nullptr);
}

void add_size(const sweep::PlannedRun& run, PlanFields& out) {
  const db::RunRow& row = run.row;
  out.insert(out.end(), {{"name", run.name},
                         {"strategy", row.strategy},
                         {"language", row.language},
                         {"replay", row.replay},
                         {"size", row.size},
                         {"seed", row.seed},
                         {"search", row.search},
                         {"params", row.params_budget},
                         {"params_embedding", row.params_embedding},
                         {"params_unembedding", row.params_unembedding},
                         {"params_blocks", row.params_blocks},
                         {"params_norms", row.params_norms},
                         {"tokens_per_param", run.tokens_per_param},
                         {"tokens_target", row.tokens_target},
                         {"tokens_source", row.tokens_source},
                         {"steps", row.steps},
                         {"warmup_steps", run.recipe.schedule.warmup_steps},
                         {"peak_learning_rate", run.recipe.schedule.peak_learning_rate},
                         {"batch_tokens", run.recipe.batch_tokens()},
                         {"flops_6nd", run.flops_6nd()},
                         {"flops_exact", row.flops},
                         {"flops_to_train", run.flops_to_train()}});
}

void add_price(const PlanSheet& sheet, std::size_t index, PlanFields& out) {
  const sweep::RunEstimate& estimate = sheet.estimate.runs[index];
  const sweep::TimetableEntry& entry = sheet.estimate.timetable.runs[index];
  const bool gpu = sheet.machine.gpu.has_value();
  const double hours = estimate.gpu_seconds() / kSecondsAnHour;
  out.insert(out.end(), {{"gpus", gpu ? estimate.gpus : sheet.plan.runs[index].gpus},
                         {"gpus_needed", gpu ? estimate.gpus_needed : 0},
                         {"micro_batch_sequences", estimate.micro_batch_sequences},
                         {"memory_bytes_estimate", estimate.memory_bytes},
                         {"fits", estimate.problem.empty()},
                         {"problem", estimate.problem},
                         {"step_seconds_estimate", estimate.step_seconds},
                         {"seconds_estimate", estimate.seconds()},
                         {"evaluation_seconds_estimate", estimate.evaluation_seconds},
                         {"gpu_hours_estimate", hours},
                         {"dollars_estimate", hours * sheet.machine.dollars_an_hour},
                         {"flops_utilisation_estimate",
                          number_or_nothing(estimate.utilisation, estimate.utilisation > 0)},
                         {"starts_at_seconds", number_or_nothing(entry.start, entry.trained)},
                         {"ends_at_seconds", number_or_nothing(entry.end, entry.trained)},
                         {"disk_bytes_estimate", sheet.plan.runs[index].checkpoint_bytes()},
                         {"resume_bytes_estimate",
                          sweep::resume_bytes(sheet.plan.runs[index], sheet.spec, estimate)}});
}

nlohmann::json machine_json(const PlanSheet& sheet) {
  const sweep::Machine& machine = sheet.machine;
  nlohmann::json out = {{"gpu", nullptr},
                        {"count", machine.count},
                        {"dollars_an_hour", machine.dollars_an_hour},
                        {"price_source", sheet.price_note},
                        {"speed_source", sheet.speed_note}};
  if (!machine.gpu) return out;
  out["gpu"] = machine.gpu->name;
  out["title"] = machine.gpu->title;
  out["bf16_flops"] = machine.gpu->speed.matrix_flops;
  out["memory_bytes"] = machine.gpu->memory_bytes;
  out["source"] = machine.gpu->source;
  return out;
}

nlohmann::json timetable_json(const PlanSheet& sheet) {
  const sweep::Timetable& timetable = sheet.estimate.timetable;
  nlohmann::json path = nlohmann::json::array();
  for (std::size_t run : timetable.critical_path)
    path.push_back(
        {{"name", sheet.plan.runs[run].name}, {"seconds", sheet.estimate.runs[run].seconds()}});
  return {{"wall_seconds", timetable.wall_seconds},
          {"busy_share", timetable.busy_share},
          {"critical_seconds", timetable.critical_seconds},
          {"critical_path", path}};
}

nlohmann::json text_json(const PlanSheet& sheet) {
  nlohmann::json out = nlohmann::json::object();
  for (const auto& [language, need] : sheet.estimate.text)
    out[language] = {
        {"train_tokens", need.train_tokens}, {"by", need.by}, {"valid_tokens", need.valid_tokens}};
  return out;
}

nlohmann::json wider_json(const PlanSheet& sheet) {
  nlohmann::json out = nlohmann::json::array();
  for (const sweep::WiderRuns& row : sheet.wider)
    out.push_back({{"gpus_per_run", row.gpus_per_run},
                   {"wall_seconds", row.wall_seconds},
                   {"critical_seconds", row.critical_seconds},
                   {"gpu_hours", row.gpu_seconds / kSecondsAnHour},
                   {"dollars", row.dollars}});
  return out;
}

nlohmann::json failures_json(const PlanSheet& sheet) {
  if (!sheet.failures) return nullptr;
  const sweep::FailureForecast& f = *sheet.failures;
  nlohmann::json rows = nlohmann::json::array();
  for (const sweep::IntervalLoss& row : f.intervals) {
    auto hours = [](double seconds) { return number_or_nothing(seconds / kSecondsAnHour, true); };
    rows.push_back({{"interval_seconds", row.interval_seconds},
                    {"expected_gpu_hours", hours(row.expected_gpu_seconds)},
                    {"simulated_gpu_hours", hours(row.mean_gpu_seconds)},
                    {"simulated_90", {hours(row.low_gpu_seconds), hours(row.high_gpu_seconds)}}});
  }
  return {{"failures_per_gpu_day", sheet.failure_options.failures_a_gpu_day},
          {"restart_seconds", sheet.failure_options.restart_seconds},
          {"write_bytes_per_second", sheet.failure_options.write_bytes_a_second},
          {"simulated_sweeps", sheet.failure_options.simulated_sweeps},
          {"expected_failures", f.expected_failures},
          {"best_interval_seconds", f.best_interval_seconds},
          {"largest_run", sheet.plan.runs[f.largest_run].name},
          {"young_seconds", f.young_seconds},
          {"daly_seconds", f.daly_seconds},
          {"lost", rows}};
}

nlohmann::json bases_json(const PlanSheet& sheet) {
  if (!sheet.bases) return nullptr;
  return {{"runs", sheet.bases->runs},
          {"flops_to_train", sheet.bases->flops_to_train},
          {"disk_bytes_estimate", sheet.bases->checkpoint_bytes}};
}

nlohmann::json totals_json(const PlanSheet& sheet) {
  double flops_6nd = 0, exact = 0, to_train = 0, disk = 0, smallest = 0, largest = 0;
  int64_t tokens = 0;
  for (const sweep::PlannedRun& run : sheet.plan.runs) {
    const double flops = run.flops_6nd();
    flops_6nd += flops, exact += run.row.flops, to_train += run.flops_to_train();
    disk += run.checkpoint_bytes();
    tokens += run.row.tokens_target + run.row.tokens_source;
    smallest = smallest == 0 ? flops : std::min(smallest, flops);
    largest = std::max(largest, flops);
  }
  return {{"runs", sheet.plan.runs.size()},
          {"tokens", tokens},
          {"flops_6nd", flops_6nd},
          {"flops_exact", exact},
          {"flops_to_train", to_train},
          {"smallest_flops_6nd", smallest},
          {"largest_flops_6nd", largest},
          {"slot_seconds_estimate", sheet.estimate.gpu_seconds},
          {"gpu_hours_estimate", sheet.estimate.gpu_seconds / kSecondsAnHour},
          {"gpu_hours_saved_by_trunks", sheet.estimate.gpu_seconds_saved / kSecondsAnHour},
          {"dollars_estimate", sheet.estimate.dollars},
          {"disk_bytes_estimate", disk},
          {"peak_disk_bytes_estimate", sheet.estimate.timetable.peak_disk_bytes},
          {"free_disk_bytes", sheet.free_disk_bytes}};
}

}  // namespace

PlanFields plan_fields(const PlanSheet& sheet, std::size_t index) {
  const sweep::PlannedRun& run = sheet.plan.runs[index];
  PlanFields out;
  add_size(run, out);
  add_price(sheet, index, out);
  out.emplace_back("continues", name_or_null(sheet.plan, run.parent));
  out.emplace_back("continues_step",
                   run.parent ? nlohmann::json(run.parent->step) : nlohmann::json(nullptr));
  out.emplace_back("tokens_base", value_or_null(run.row.tokens_base));
  out.emplace_back("base_tokens_per_param", value_or_null(run.row.base_tokens_per_param));
  out.emplace_back("base_phase", value_or_null(run.row.base_phase));
  out.emplace_back("branches_off", name_or_null(sheet.plan, run.trunk));
  const auto outcome = sheet.outcomes.find(run.name);
  if (outcome != sheet.outcomes.end()) out.emplace_back("outcome", outcome->second);
  return out;
}

nlohmann::json plan_json(const PlanSheet& sheet) {
  nlohmann::json runs = nlohmann::json::array();
  for (std::size_t i = 0; i < sheet.plan.runs.size(); ++i) {
    nlohmann::json& run = runs.emplace_back(nlohmann::json::object());
    for (auto& [name, value] : plan_fields(sheet, i)) run[name] = std::move(value);
  }
  return {{"schema", 1},
          {"name", sheet.spec.name},
          {"runs", runs},
          {"warnings", sheet.plan.warnings},
          {"base_budgets", bases_json(sheet)},
          {"machine", machine_json(sheet)},
          {"timetable", timetable_json(sheet)},
          {"wider_runs", wider_json(sheet)},
          {"text", text_json(sheet)},
          {"failures", failures_json(sheet)},
          {"totals", totals_json(sheet)}};
}

std::string plan_csv(const PlanSheet& sheet) {
  fit::Table table;
  for (std::size_t i = 0; i < sheet.plan.runs.size(); ++i) {
    std::vector<std::string> cells;
    for (const auto& [name, value] : plan_fields(sheet, i)) {
      if (name == "outcome") continue;  // not every run has one, and a table has
      if (i == 0) table.header.push_back(name);
      cells.push_back(value.is_null()     ? ""
                      : value.is_string() ? value.get<std::string>()
                                          : value.dump());
    }
    const auto outcome = sheet.outcomes.find(sheet.plan.runs[i].name);
    cells.push_back(outcome == sheet.outcomes.end() ? "" : outcome->second);
    table.rows.push_back(std::move(cells));
  }
  table.header.push_back("outcome");
  return fit::render(table, fit::TableFormat::kCsv);
}

}  // namespace crosslaw::apps
