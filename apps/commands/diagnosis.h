#pragma once

#include <string>
#include <vector>

namespace crosslaw::apps {

// What crosslaw doctor found.
class Diagnosis {
 public:
  enum class Level { kOk, kWarn, kStop };
  struct Finding {
    Level level;
    std::string what, mend;
  };

  void good(const std::string& what) { findings_.push_back({Level::kOk, what, ""}); }
  void warn(const std::string& what, const std::string& mend) {
    findings_.push_back({Level::kWarn, what, mend});
  }
  void bad(const std::string& what, const std::string& mend) {
    findings_.push_back({Level::kStop, what, mend});
  }

  int exit_code() const;  // 1 when something would stop the sweep
  std::string text() const;
  std::string json() const;

 private:
  std::vector<Finding> findings_;
};

}  // namespace crosslaw::apps
