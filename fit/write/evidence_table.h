#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "fit/data/data_file.h"
#include "fit/evidence/holdout.h"
#include "fit/evidence/influence.h"
#include "fit/evidence/prediction.h"
#include "fit/evidence/profile.h"
#include "fit/write/table.h"

// Profiles, predictions, held-out tests and influence as tables: for people rounded, for programs
// (csv, JSON) with numbers that read back exactly. What is absent is empty or null.
namespace crosslaw::fit {

Table profile_table(const std::vector<Profile>& profiles);
Table profile_csv(const std::vector<Profile>& profiles);  // one row a value
// [{"name", "value", "ci95": [low, high], "limit", "values", "objective"}]; an open end is null.
nlohmann::ordered_json to_json(const std::vector<Profile>& profiles);

Table prediction_table(const std::vector<Prediction>& predictions);
Table prediction_csv(const std::vector<Prediction>& predictions);
// [{"params", "tokens", "stage", "loss", "loss_ci95", "run_ci95", "flops_factor", ...}]
nlohmann::ordered_json to_json(const std::vector<Prediction>& predictions);

Table holdout_table(const Holdout& result);
Table holdout_csv(const Holdout& result);
// {"rule", "splits", "laws": [...], "best", "supported", "verdict", "notes"}; the worst point is
// given by its line in the file.
nlohmann::ordered_json to_json(const Holdout& result, const DataFile& data);

// "line 12", or the name of the cluster.
std::string run_name(const LeftOut& run, const DataFile& data);
// At most `most` runs; a last row has the jackknife errors.
Table influence_table(const Influence& result, const FitResult& fit, const DataFile& data,
                      std::size_t most);
Table influence_csv(const Influence& result, const FitResult& fit, const DataFile& data);
// {"flops", "jackknife_se": {"log_params", "log A", ...}, "runs": [{"run", "line", ...}], "failed",
// "refitted", "step_error"}
nlohmann::ordered_json to_json(const Influence& result, const FitResult& fit, const DataFile& data);

}  // namespace crosslaw::fit
