#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "apps/charts/contours.h"

namespace crosslaw::charts {

// Colours that stay apart for colour-blind readers (Okabe and Ito 2008) and in print.
namespace colour {
inline constexpr const char* kBlue = "#0072b2";
inline constexpr const char* kVermilion = "#d55e00";
inline constexpr const char* kInk = "#1f2328";
inline constexpr const char* kMuted = "#5c6670";
inline constexpr const char* kContour = "#8b97a3";
inline constexpr const char* kGrid = "#e8ebee";
inline constexpr const char* kShade = "#f3f1ea";
}  // namespace colour

// A rectangle in pixels, y downwards.
struct Box {
  double x = 0;
  double y = 0;
  double width = 0;
  double height = 0;
};

enum class Dash { kSolid, kDashed, kDotted };

struct Stroke {
  std::string colour = colour::kInk;
  double width = 1;
  Dash dash = Dash::kSolid;
};

enum class Anchor { kStart, kMiddle, kEnd };

struct TextStyle {
  double size = 11;
  std::string colour = colour::kInk;
  Anchor anchor = Anchor::kStart;
  bool bold = false;
  bool halo = false;   // a white rim, for text over marks
  bool plate = false;  // a white plate beneath, for text over lines
  double angle = 0;    // degrees, clockwise
};

// Text for XML and HTML, in content and in quoted attributes: markup characters escaped, what XML
// 1.0 forbids (control characters, broken UTF-8) replaced by U+FFFD.
std::string escaped(std::string_view text);

// At most `most` characters, the last one an ellipsis where something was cut.
std::string shortened(std::string_view text, std::size_t most);

// About how wide a text is in pixels, on the wide side.
double text_width(std::string_view text, double size);

// Collects the elements of an SVG drawing; places are pixels, y downwards. Places far outside are
// drawn at the edge of what renderers can count.
class Canvas {
 public:
  void rectangle(const Box& box, const std::string& fill, const Stroke* stroke = nullptr);
  void line(Spot from, Spot to, const Stroke& stroke);
  // Spots that are not finite interrupt the line.
  void polyline(const std::vector<Spot>& spots, const Stroke& stroke);
  void polygon(const std::vector<Spot>& spots, const std::string& fill, double opacity);
  // A round mark; `title`, if any, appears when pointed at.
  void circle(Spot centre, double radius, const std::string& fill, const std::string& title = "");
  void text(Spot at, std::string_view content, const TextStyle& style);

  // Everything until end_group() shows only inside the box; ids are unique in a document.
  void begin_clip(const Box& box, const std::string& id);
  // Every circle until end_group() has a rim and this opacity.
  void begin_marks(double opacity);
  void end_group();

  const std::string& content() const { return content_; }

 private:
  std::string content_;
};

}  // namespace crosslaw::charts
