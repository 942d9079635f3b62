"""What decord declares it cannot do, clip by clip, with the reason it gives: nothing else of
`clips.VARIANTS` may be refused.
"""

WRONG_CONTAINER, WRONG_KEYFRAMES = (
    "it gives wrong pictures of {} files, or none",
    "it would begin at other frames than the keyframes",
)
UNTOLD = "the file does not tell when each frame is shown"
REFUSED = {
    "h264_open_gop_mkv": WRONG_KEYFRAMES,
    "h264_open_gop_mp4": WRONG_KEYFRAMES,
    "h265_open_gop": WRONG_KEYFRAMES,
    "mpeg4_avi_bframes": WRONG_KEYFRAMES,
    "h264_edit_list": "it counts 48 frames where 42 are shown",
    "av1_mkv": "av1 is no coding",
    "h264_intra_refresh_ts": WRONG_CONTAINER.format("mpegts"),
    "h264_negative_start_ts": WRONG_CONTAINER.format("mpegts"),
    "h264_ts": WRONG_CONTAINER.format("mpegts"),
    "h264_open_gop_ts": WRONG_CONTAINER.format("mpegts"),
    "h264_joined_ts": WRONG_CONTAINER.format("mpegts"),
    "h264_changing_parameters_ts": WRONG_CONTAINER.format("mpegts"),
    "mpeg2_ts": WRONG_CONTAINER.format("mpegts"),
    "mpeg2_ps": WRONG_CONTAINER.format("mpeg"),
    "gif": WRONG_CONTAINER.format("gif"),
    "h264_made_up_avi": UNTOLD,
    "h265_without_ctts": UNTOLD,
    "h264_without_ctts": UNTOLD,
    "h264_coarse_clock_mkv": UNTOLD,
    "ffv1_coarse_clock_mkv": UNTOLD,
    "h264_begins_within_a_group_ts": WRONG_CONTAINER.format("mpegts"),
    "h264_begins_with_leading_ts": WRONG_CONTAINER.format("mpegts"),
    "mpeg2_begins_within_a_group_ts": WRONG_CONTAINER.format("mpegts"),
    "h264_restarted_ts": WRONG_CONTAINER.format("mpegts"),
    "h264_mirrored": "it does not mirror pictures",
    "h264_mirrored_90": "it does not mirror pictures",
    "raw_h264": WRONG_CONTAINER.format("h264"),
}
