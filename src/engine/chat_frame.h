// A chat template, split into its own text and the places of the messages.
//
// The template writes control tokens ("<|im_start|>"), a message must not: else a user could forge
// a system message. So the template is applied to markers in place of the contents and the result
// is cut at the markers. Only what the template wrote is ever read for control tokens. The contents
// never pass through the template, so nothing in them, markers included, can confuse the cut.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "engine/model.h"

namespace tdn::engine {

// Applies a model's chat template.
class ChatTemplate {
 public:
  virtual ~ChatTemplate() = default;
  // `open_turn`: ends with what begins the assistant's next message.
  [[nodiscard]] virtual Result<std::string> apply(const std::vector<Message>& messages,
                                                  bool open_turn) const = 0;
};

struct FramePart {
  bool is_content = false;  // a message's; else the template's own text
  std::string text;
};

class ChatFrame {
 public:
  // Learns which roles' contents the template trims. The template is borrowed.
  [[nodiscard]] static Result<ChatFrame> create(const ChatTemplate& chat_template);

  // kInvalidRequest if the template has no place for a message (a system message after the last
  // user's, in some).
  [[nodiscard]] Result<std::vector<FramePart>> split(const Chat& chat) const;

 private:
  explicit ChatFrame(const ChatTemplate& chat_template) : template_(&chat_template) {}

  const ChatTemplate* template_;
  std::array<bool, 3> trims_{};  // by role
};

}  // namespace tdn::engine
