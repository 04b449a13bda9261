#pragma once

#include "sweep/launch/queue_launcher.h"
#include "sweep/spec/spec.h"

namespace crosslaw::sweep {

// A batch system by the templates of a spec: [launch] backend = "command".
BatchSystem batch_system(const LaunchSpec& launch);

// A template with its {names} replaced; "{jobs}" alone becomes as many words as there are jobs.
struct TemplateValues {
  std::vector<std::pair<std::string, std::string>> names;
  std::vector<std::string> jobs;
};
std::string expand(const std::string& text, const TemplateValues& values);
std::vector<std::string> expand(const std::vector<std::string>& words,
                                const TemplateValues& values);

}  // namespace crosslaw::sweep
