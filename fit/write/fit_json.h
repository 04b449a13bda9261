#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "fit/solve/fit_result.h"
#include "fit/solve/spread.h"

namespace crosslaw::fit {

// A fit as one JSON object with "schema": 1. Numbers read back exactly; what is absent or not
// finite is null. With `draws` the object carries every bootstrap draw, so that intervals of
// derived quantities can be had from the file alone.
nlohmann::ordered_json to_json(const FitResult& fit, bool draws = true);

// The inverse. Only "law" and "coefficients" (numbers, or objects with "value") are required, so a
// file may be written by hand; "two-stage" is a law here as well. Throws std::invalid_argument
// naming `name` and the key that is missing or wrong, also for another schema.
FitResult fit_from_json(const nlohmann::json& json, const std::string& name);
FitResult read_fit(const std::string& path);

// The text of a JSON object as the commands print it: indented, arrays of numbers on one line.
std::string pretty(const nlohmann::ordered_json& json);

nlohmann::ordered_json number_or_null(std::optional<double> value);
nlohmann::ordered_json range_or_null(const std::optional<Range>& range);
// {"value", "se", "ci95"}.
nlohmann::ordered_json estimate_json(const Estimate& estimate);

}  // namespace crosslaw::fit
