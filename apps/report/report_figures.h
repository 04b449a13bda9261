#pragma once

#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "apps/study/fit_residuals.h"
#include "apps/study/forgetting.h"
#include "apps/study/iso_loss.h"
#include "apps/study/law_savings.h"
#include "apps/study/loss_frontier.h"
#include "apps/study/measured_savings.h"

namespace crosslaw::apps {

// What apps/study found of each figure, written as JSON for the page.
nlohmann::ordered_json loss_json(const LossOverCompute& loss);
nlohmann::ordered_json forgetting_json(const std::vector<Forgetting>& forgotten);
nlohmann::ordered_json saving_json(const MeasuredSaving& saving);
nlohmann::ordered_json law_saving_json(const LawSaving& saving);
nlohmann::ordered_json iso_loss_json(const IsoLoss& figure);
nlohmann::ordered_json residuals_json(const std::vector<FitResidual>& residuals);

}  // namespace crosslaw::apps
