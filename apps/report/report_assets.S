/* The parts of the page, byte for byte as they are in the source tree, in read-only memory.
   CMake names the folder of the page sources and the file of plotly. */

#define PART(name) \
  .globl crosslaw_report_##name##_begin; \
  crosslaw_report_##name##_begin:
#define END(name) \
  .globl crosslaw_report_##name##_end; \
  crosslaw_report_##name##_end:; \
  .byte 0

  .section .rodata

PART(html)
  .incbin "report.html"
END(html)

PART(css)
  .incbin "report.css"
END(css)

PART(early_js)
  .incbin "report_early.js"
END(early_js)

PART(plotly_js)
  .incbin CROSSLAW_PLOTLY_JS
END(plotly_js)

/* One script: helpers first, the page last. */
PART(page_js)
  .incbin "report_format.js"
  .incbin "report_charts.js"
  .incbin "report_drawing.js"
  .incbin "report_pieces.js"
  .incbin "report_loss.js"
  .incbin "report_savings.js"
  .incbin "report_contours.js"
  .incbin "report_fits.js"
  .incbin "report_checks.js"
  .incbin "report_tables.js"
  .incbin "report_transfer.js"
  .incbin "report_replay.js"
  .incbin "report_scores.js"
  .incbin "report_texts.js"
  .incbin "report_data.js"
  .incbin "report_summary.js"
  .incbin "report_main.js"
END(page_js)

  .section .note.GNU-stack, "", %progbits
